// Who waits in the lobby, and what takes a client out of it.

package websocket

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func (l *lobby) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.here)
}

// waiting waits until so many silent clients are in the lobby.
func waiting(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return silent.count() == n }, patience, 10*time.Millisecond)
}

func TestASilentClientWaitsInTheLobby(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolJSON)
	write(t, socket, helloJSON)
	read(t, socket)
	waiting(t, 1)
	write(t, socket, `{"id":2,"ping":{}}`)
	require.NotNil(t, read(t, socket).GetPong())
	require.Zero(t, silent.count(), "whoever speaks is read from")
	require.Nil(t, silent.epoll, "nobody waits for nobody")

	frame := masked(finalBit|ws.OpText, `{"id":3,"ping":{}}`)
	waiting(t, 1)
	_, err := socket.NetConn().Write(frame[:9])
	require.NoError(t, err)
	waiting(t, 0)
	require.Never(t, func() bool { return silent.count() > 0 }, lingers+lingers/2, 100*time.Millisecond, "a frame has begun")
	_, err = socket.NetConn().Write(frame[9:])
	require.NoError(t, err)
	require.EqualValues(t, 3, read(t, socket).Re)
	require.NoError(t, socket.Close())
}

func TestWhatTakesASilentClientOutOfTheLobby(t *testing.T) {
	h := newHall(t)
	gone := func(l *testLine) func() bool {
		return func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.gone }
	}
	first := h.dial(SubprotocolJSON)
	write(t, first, helloJSON)
	read(t, first)
	line := h.last()
	waiting(t, 1)
	line.step(session.Drain{ReconnectAfterMS: 700})
	require.NotNil(t, read(t, first).GetGoodbye())
	require.Equal(t, CodeRestarting, closed(t, first))
	require.Eventually(t, gone(line), patience, time.Millisecond, "it was told to go")

	for how, end := range map[string]func(c *conn, far net.Conn){
		"it went": func(_ *conn, far net.Conn) { far.Close() },
		"it could not be written to": func(c *conn, _ net.Conn) {
			require.NoError(t, c.net.(*net.TCPConn).CloseWrite())
			c.Send([]*pb.ServerFrame{{Word: &pb.ServerFrame_Pong{Pong: &pb.Pong{}}}})
		},
		"it was silent for too long": func(c *conn, _ net.Conn) {
			silent.mu.Lock()
			c.reading.since, silent.swept = time.Now().Add(-silentFor), time.Time{}
			silent.mu.Unlock()
			silent.look(silent.epoll, nil)
		},
	} {
		far := h.dial(SubprotocolJSON)
		write(t, far, helloJSON)
		read(t, far)
		line := h.last()
		waiting(t, 1)
		end(line.carrier.(*conn), far.NetConn())
		require.Eventually(t, gone(line), patience, time.Millisecond, how)
		require.Zero(t, silent.count(), how)
		far.Close()
	}
}

// counting is a line that counts what it hears.
type counting struct{ heard chan struct{} }

func (l *counting) Receive(*pb.ClientFrame)     { l.heard <- struct{}{} }
func (l *counting) Malformed(session.Malformed) { l.heard <- struct{}{} }
func (l *counting) Disconnect()                 {}

// A thousand come, are silent, and speak all at once: each is heard, once.
func TestAllWhoAreInTheLobbyAreHeard(t *testing.T) {
	const many = 1_000
	here, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer here.Close()
	heard := make(chan struct{}, 2*many)
	far := make([]net.Conn, many)
	for i := range far {
		far[i], err = net.Dial("tcp", here.Addr().String())
		require.NoError(t, err)
		near, err := here.Accept()
		require.NoError(t, err)
		c := newConn(&Config{}, translate.JSON)
		c.net, c.raw, c.line = near, direct(near), &counting{heard: heard}
		require.True(t, c.rests())
	}
	waiting(t, many)
	frame := masked(finalBit|ws.OpText, `{"id":3,"ping":{}}`)
	for _, f := range far {
		go f.Write(frame)
	}
	for range many {
		select {
		case <-heard:
		case <-time.After(patience):
			t.Fatal("somebody was not heard")
		}
	}
	for _, f := range far {
		require.NoError(t, f.(*net.TCPConn).CloseWrite())
		_, err := f.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		f.Close()
	}
	require.Empty(t, heard)
	require.Zero(t, silent.count())
}

// What leaves a connection when the kernel takes it, takes a part of it, or nothing.

package websocket

import (
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// A client that reads late but is not cut gets every frame, whole and in order, also those that met a full kernel halfway,
// and the goodbye behind them.
func TestWhatWaitsComesWholeAndInOrder(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolProto)
	l := h.last()
	conn := l.carrier.(*conn)
	sent := 0
	stuck := func() bool { conn.mu.Lock(); defer conn.mu.Unlock(); return conn.writing && conn.waiting != nil }
	for !stuck() { // one frame is on its way, others wait behind it
		sent++
		require.Less(t, sent, 100_000, "the kernel took everything")
		l.carrier.Send([]*pb.ServerFrame{{Re: uint64(sent), Word: &pb.ServerFrame_Resync{Resync: &pb.Resync{Detail: strings.Repeat("x", 50<<10)}}}})
	}
	drained := l.carrier.Drained()
	l.carrier.Send([]*pb.ServerFrame{{Re: uint64(sent + 1), Word: &pb.ServerFrame_Pong{Pong: &pb.Pong{}}}})
	l.carrier.Close(session.Closing{Reason: session.Restarting, Detail: "going"})
	select {
	case <-drained:
		t.Fatal("drained, although nobody read")
	default:
	}
	for i := range sent + 1 {
		require.EqualValues(t, i+1, read(t, socket).Re)
	}
	require.Equal(t, CodeRestarting, closed(t, socket))
	<-drained
	require.Zero(t, h.cut.Load())
}

// Pings of the client are answered, and its goodbye is given back.
func TestControlFramesAreAnswered(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolProto)
	ponged := make(chan string, 1)
	socket.SetPongHandler(func(data string) error { ponged <- data; return nil })
	require.NoError(t, socket.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(patience)))
	require.NoError(t, socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)))
	require.Equal(t, websocket.CloseNormalClosure, closed(t, socket))
	require.Equal(t, "there?", <-ponged)

	socket = h.dial(SubprotocolProto)
	require.NoError(t, socket.WriteControl(websocket.CloseMessage, nil, time.Now().Add(patience)))
	require.Equal(t, websocket.CloseNoStatusReceived, closed(t, socket), "who gives no code gets none")
}

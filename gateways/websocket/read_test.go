// What a client may say, whole and in pieces.

package websocket

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const maskBit = 0x80 // of the second byte, beside a length

// masked is a frame as a client says it.
func masked(first ws.OpCode, payload string) []byte {
	whole := appendFrame(nil, 0, []byte(payload))
	head := len(whole) - len(payload)
	whole[0], whole[1] = byte(first), whole[1]|maskBit
	key := []byte{0x12, 0x34, 0x56, 0x78}
	out := append(append([]byte{}, whole[:head]...), key...)
	for i, b := range []byte(payload) {
		out = append(out, b^key[i%len(key)])
	}
	return out
}

// listener is a line that keeps what it hears.
type listener struct{ heard []uint64 }

func (l *listener) Receive(frame *pb.ClientFrame) { l.heard = append(l.heard, frame.GetId()) }
func (l *listener) Malformed(session.Malformed)   { l.heard = append(l.heard, 0) }
func (l *listener) Disconnect()                   {}

// listening is a connection whose other end reads nothing of what is said to it.
func listening(t *testing.T) (*conn, *listener) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close(); there.Close() })
	c, l := newConn(&Config{}, translate.JSON), new(listener)
	c.net, c.line, c.writing = here, l, true // so nothing is written
	return c, l
}

func TestMessagesAreHeardHoweverTheyAreCut(t *testing.T) {
	const text, more, last = ws.OpText, ws.OpContinuation, finalBit
	var said []byte
	for _, f := range [][]byte{
		masked(last|text, `{"id":1,"ping":{}}`),
		masked(text, `{"id":2,`), masked(last|ws.OpPing, "there?"), masked(more, `"ping"`), masked(last|more, `:{}}`),
		masked(last|text, `{"id":3,"ping":{}}`+strings.Repeat(" ", 200)),
		masked(last|text, ``),
		masked(last|ws.OpPong, ""),
		masked(last|text, `{"id":4,"ping":{}}`+strings.Repeat(" ", 10_000)),
	} {
		said = append(said, f...)
	}
	for _, step := range []int{1, 2, 3, 7, 100, 1_000, len(said)} {
		c, l := listening(t)
		in := borrow()
		for rest := said; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			in.bytes = append(in.bytes, rest[:min(step, len(rest))]...)
			_, err := c.takeAll(in)
			require.NoError(t, err)
		}
		require.Equal(t, []uint64{1, 2, 3, 0, 4}, l.heard, "%d bytes at a time", step)
		require.Empty(t, in.bytes)
		require.Nil(t, c.reading.message)
	}
}

func TestWhatIsNoFrameEndsTheConnection(t *testing.T) {
	const text, more, last, ping = ws.OpText, ws.OpContinuation, finalBit, ws.OpPing
	long := binary.BigEndian.AppendUint64([]byte{byte(last | text), maskBit | len64}, 1<<63)
	for what, c := range map[string]struct {
		said []byte
		err  error
	}{
		"not masked":                  {appendFrame(nil, text, []byte("{}")), errMisframe},
		"compressed":                  {masked(last|0x40|text, "{}"), errMisframe},
		"a kind that nobody knows":    {masked(last|3, "{}"), errMisframe},
		"a control that nobody knows": {masked(last|0x0b, ""), errMisframe},
		"a ping in pieces":            {masked(ping, "a"), errMisframe},
		"a long ping":                 {masked(last|ping, strings.Repeat("x", ws.MaxControlFramePayloadSize+1)), errMisframe},
		"the end of nothing":          {masked(last|more, "{}"), errMisframe},
		"a message within another":    {append(masked(text, "{"), masked(last|text, "{}")...), errMisframe},
		"half a close code":           {masked(last|ws.OpClose, "x"), errMisframe},
		"a close code of nobody":      {masked(last|ws.OpClose, "\x03\xed"), errMisframe},
		"a goodbye":                   {masked(last|ws.OpClose, "\x03\xe8bye"), io.EOF},
		"a length beyond every limit": {long, errLarge},
		"a large hello":               {masked(last|text, strings.Repeat("x", session.MaxHello+1)), errLarge},
		"large in pieces":             {append(masked(text, strings.Repeat("x", session.MaxHello)), masked(more, "x")...), errLarge},
	} {
		conn, _ := listening(t)
		_, err := conn.takeAll(&buffer{bytes: c.said})
		require.ErrorIs(t, err, c.err, what)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(masked(finalBit|ws.OpText, `{"id":1,"ping":{}}`))
	f.Add(append(masked(ws.OpText, "{"), masked(finalBit|ws.OpContinuation, "}")...))
	f.Add(masked(finalBit|ws.OpClose, "\x03\xe8"))
	f.Fuzz(func(t *testing.T, said []byte) {
		for limit := range 3 {
			frame, size, err := new(buffer).cut(append([]byte{}, said...), limit*1_000, ws.StateServerSide)
			require.LessOrEqual(t, size, len(said))
			require.LessOrEqual(t, len(frame.Payload), size)
			require.False(t, err != nil && size > 0)
		}
		c, _ := listening(t)
		in := &buffer{bytes: append([]byte{}, said...)}
		_, _ = c.takeAll(in)
		require.LessOrEqual(t, len(in.bytes), len(said))
	})
}

// Reading: frame after frame, each in borrowed memory.

package websocket

import (
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

var errLarge = errors.New("websocket: the frame is too large")

// read takes frames one after another; the next is read when the last was taken, so a flood waits in the client.
func (c *conn) read() {
	defer c.gone()
	limit := session.MaxHello // of somebody whom nobody knows yet
	for {
		kind, r, err := c.socket.NextReader()
		if err != nil {
			return
		}
		message := borrow()
		if err = message.fill(r, limit); err == nil {
			limit = session.MaxFrame
			c.heard()
			c.take(kind, message.bytes)
		}
		message.giveBack()
		if errors.Is(err, errLarge) {
			c.tooLarge(r)
		}
		if err != nil {
			return
		}
	}
}

// take decodes a frame, which keeps none of the bytes, and gives it to the session.
func (c *conn) take(kind int, message []byte) {
	want := websocket.TextMessage
	if c.format == session.Protobuf {
		want = websocket.BinaryMessage
	}
	if kind != want {
		c.line.Garbled(session.Garbled{Code: pb.Code_CODE_INVALID, Detail: "JSON comes in text messages, Protobuf in binary ones"})
		return
	}
	frame, garbled := c.format.Decode(message)
	if garbled != nil {
		c.line.Garbled(*garbled)
		return
	}
	c.line.Said(frame)
}

// fill reads one message.
func (b *buffer) fill(r io.Reader, limit int) error {
	for {
		if len(b.bytes) == cap(b.bytes) {
			b.bytes = append(b.bytes, 0)[:len(b.bytes)]
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > limit:
			return errLarge
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// tooLarge throws the rest of a frame away for a moment, so that the client can finish its write and hear why: closing
// with unread bytes would destroy the close frame on its way.
func (c *conn) tooLarge(rest io.Reader) {
	c.leaving.Store(true)
	_ = c.net.SetReadDeadline(time.Now().Add(closeWithin))
	_, _ = io.CopyN(io.Discard, rest, lingerBytes)
	c.end(CodeTooLarge, "a frame may have "+strconv.Itoa(session.MaxFrame)+" bytes, hello "+strconv.Itoa(session.MaxHello))
	_, _, _ = c.socket.NextReader() // the client's answer, or the deadline
}

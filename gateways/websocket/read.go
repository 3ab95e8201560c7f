// Reading: frame after frame out of borrowed memory. Who says nothing for a moment has neither memory nor a goroutine, and
// waits in the lobby.

package websocket

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// reading is what the one goroutine that reads keeps between frames, and what is kept between its lives.
type reading struct {
	limit   int       // bytes of a message
	kind    ws.OpCode // of the message that has begun
	message *buffer   // the frames of it that came; nil = none has begun
	fd      int       // by which the lobby knows it
	stays   bool      // the lobby did not take it

	given time.Duration // for the next frame, and since when
	since time.Time
}

// read takes what comes, the next when the last was taken, so that a flood waits in the client.
func (c *conn) read() {
	in := borrow()
	began := false
	for c.expect(began); ; {
		err := in.more(c.net)
		if errors.Is(err, os.ErrDeadlineExceeded) && !began && !c.reading.stays && !c.leaving.Load() {
			if c.rests() {
				in.giveBack()
				return
			}
			c.reading.stays = true
			c.expect(began)
			continue
		}
		taken := 0
		if err == nil {
			taken, err = c.takeAll(in)
		}
		if err != nil {
			in.giveBack()
			c.stop(err)
			return
		}
		if begins := len(in.bytes) > 0 || c.reading.message != nil; taken > 0 || begins != began {
			began = begins
			c.expect(began)
		}
	}
}

// rests leaves a silent client to the lobby, if that takes it.
func (c *conn) rests() bool {
	c.reading.given = 0
	if c.raw == nil || !silent.takes(c) {
		return false
	}
	if c.leaving.Load() { // since just now: whoever told it to go did not find it there
		silent.wakes(c)
	}
	return true
}

// expect gives the client time for its next frame: the reader alone waits for a moment only, unless something has begun. The
// same time is not given twice at once: a deadline costs as much as a small frame.
func (c *conn) expect(began bool) {
	patience := lingers
	if began || c.reading.stays {
		patience = silentFor
	}
	if now := time.Now(); patience != c.reading.given || now.Sub(c.reading.since) >= extendEvery {
		c.reading.given, c.reading.since = patience, now
		c.within(patience)
	}
}

// within gives the client time, unless it was told to go. A deadline fails when the socket is closed, and then reading does too.
func (c *conn) within(d time.Duration) {
	_ = c.net.SetReadDeadline(time.Now().Add(d))
	if c.leaving.Load() { // perhaps since just now
		_ = c.net.SetReadDeadline(time.Now().Add(closeWithin))
	}
}

// state says which frames may come.
func (r *reading) state() ws.State {
	if r.message != nil {
		return ws.StateServerSide | ws.StateFragmented
	}
	return ws.StateServerSide
}

// more reads what there is.
func (b *buffer) more(from io.Reader) error {
	if len(b.bytes) == cap(b.bytes) {
		b.bytes = append(b.bytes, 0)[:len(b.bytes)]
	}
	n, err := from.Read(b.bytes[len(b.bytes):cap(b.bytes)])
	b.bytes = b.bytes[:len(b.bytes)+n]
	return err
}

// takeAll takes the frames that came whole, and keeps the beginning of the next.
func (c *conn) takeAll(in *buffer) (taken int, err error) {
	rest := in.bytes
	for size := 1; err == nil && size > 0; {
		var f ws.Frame
		if f, size, err = in.cut(rest, c.reading.limit, c.reading.state()); err == nil && size > 0 {
			err = c.take(f)
			rest = rest[size:]
			taken++
		}
	}
	in.bytes = in.bytes[:copy(in.bytes, rest)]
	return taken, err
}

// take takes a frame, of which it keeps none of the bytes.
func (c *conn) take(f ws.Frame) error {
	r := &c.reading
	switch kind := f.Header.OpCode; {
	case kind == ws.OpClose:
		code, err := closeCode(f.Payload)
		if err != nil {
			return err
		}
		c.end(code, "")
		return io.EOF
	case kind == ws.OpPing:
		c.pong(f.Payload)
		return nil
	case kind == ws.OpPong:
		return nil
	case f.Header.Fin && r.message == nil:
		c.hear(kind, f.Payload)
		return nil
	case r.message == nil:
		r.kind, r.message = kind, borrow()
	}
	if len(r.message.bytes)+len(f.Payload) > r.limit {
		return errLarge
	}
	r.message.bytes = append(r.message.bytes, f.Payload...)
	if f.Header.Fin {
		c.hear(r.kind, r.message.bytes)
		r.message.giveBack()
		r.message = nil
	}
	return nil
}

// hear decodes a message and gives it to the session.
func (c *conn) hear(kind ws.OpCode, message []byte) {
	c.reading.limit = translate.MaxFrame
	if kind != c.kind() {
		c.line.Malformed(session.Malformed{Code: pb.Code_CODE_INVALID, Detail: "JSON comes in text messages, Protobuf in binary ones"})
		return
	}
	frame, err := c.format.Decode(message)
	if err != nil {
		c.line.Malformed(session.Malformed{Code: pb.Code_CODE_INVALID, Detail: err.Error()})
		return
	}
	c.line.Receive(frame)
}

// stop ends reading. Who spoke too much or wrongly is told why, and what it still says is thrown away for a moment: closing
// with unread bytes would destroy the close frame on its way.
func (c *conn) stop(err error) {
	defer c.gone()
	code, why := ws.StatusProtocolError, "that is no frame of a client"
	switch {
	case errors.Is(err, errLarge):
		code, why = CodeTooLarge, "a frame may have "+strconv.Itoa(translate.MaxFrame)+" bytes, hello "+strconv.Itoa(session.MaxHello)
	case !errors.Is(err, errMisframe):
		return
	}
	c.leaving.Store(true)
	_ = c.net.SetReadDeadline(time.Now().Add(closeWithin))
	c.end(code, why)
	_, _ = io.CopyN(io.Discard, c.net, lingerBytes)
}

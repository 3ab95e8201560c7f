// One connection: a reader, a bounded queue, and a writer for as long as something waits in it.

package websocket

import (
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// conn implements session.Carrier. Frames may be said before the socket is there.
type conn struct {
	cfg    Config
	format session.Format
	socket *websocket.Conn
	line   session.Line

	mu      sync.Mutex
	queue   [][]byte
	bytes   int
	writing bool
	pinged  time.Time
	closing *session.Closing // set once: nothing is said after it
	slow    bool
	dead    bool            // the socket is closed
	drained []chan struct{} // closed when the queue is empty
	leaving atomic.Bool     // the close frame is out
}

func newConn(cfg Config, format session.Format) *conn {
	return &conn{cfg: cfg, format: format, pinged: time.Now()}
}

// start begins to read. What was said meanwhile is written now.
func (c *conn) start(socket *websocket.Conn, line session.Line) {
	c.mu.Lock()
	c.socket, c.line = socket, line
	c.wake()
	c.mu.Unlock()
	c.heard()
	socket.SetPongHandler(func(string) error { c.heard(); return nil })
	go c.read()
}

// heard gives the client more time, unless it was told to go.
func (c *conn) heard() {
	if !c.leaving.Load() {
		c.socket.SetReadDeadline(time.Now().Add(silentFor))
	}
}

// read takes frames one after another; the next is read when the last was taken, so a flood waits in the client.
func (c *conn) read() {
	defer c.gone()
	want, limit := websocket.TextMessage, int64(session.MaxHello) // of somebody whom nobody knows yet
	if c.format == session.Protobuf {
		want = websocket.BinaryMessage
	}
	for {
		kind, r, err := c.socket.NextReader()
		if err != nil {
			return
		}
		message, err := io.ReadAll(io.LimitReader(r, limit+1))
		if err != nil {
			return
		}
		if int64(len(message)) > limit {
			c.tooLarge(r)
			return
		}
		limit = session.MaxFrame
		c.heard()
		if kind != want {
			c.line.Garbled(session.Garbled{Code: pb.Code_CODE_INVALID, Detail: "JSON comes in text messages, Protobuf in binary ones"})
			continue
		}
		frame, garbled := c.format.Decode(message)
		if garbled != nil {
			c.line.Garbled(*garbled)
			continue
		}
		c.line.Said(frame)
	}
}

// tooLarge throws the rest of a frame away for a moment, so that the client can finish its write and hear why: closing
// with unread bytes would destroy the close frame on its way.
func (c *conn) tooLarge(rest io.Reader) {
	c.leaving.Store(true)
	c.socket.SetReadDeadline(time.Now().Add(closeWithin))
	io.CopyN(io.Discard, rest, lingerBytes)
	c.mu.Lock()
	c.bury()
	c.mu.Unlock()
	c.sendClose(CodeTooLarge, "a frame may have "+strconv.Itoa(session.MaxFrame)+" bytes, hello "+strconv.Itoa(session.MaxHello))
	c.socket.NextReader() // the client's answer, or the deadline
}

// gone: nothing more is read.
func (c *conn) gone() {
	c.mu.Lock()
	c.bury()
	c.mu.Unlock()
	c.line.Gone()
	c.socket.Close()
}

// bury ends everything that waits.
func (c *conn) bury() {
	c.dead, c.queue, c.bytes = true, nil, 0
	c.release()
}

func (c *conn) release() {
	for _, d := range c.drained {
		close(d)
	}
	c.drained = nil
}

// Say lets frames wait, or cuts a client for which too much waits.
func (c *conn) Say(frames []*pb.ServerFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range frames {
		if c.dead || c.closing != nil {
			return
		}
		message, err := c.format.Encode(frame)
		if err != nil {
			c.cfg.Log.Error("a frame could not be written: the client is cut and repairs itself", "error", err)
			c.close(session.Closing{Reason: session.Overwhelmed, Detail: "resume from the cursor"})
			return
		}
		if len(c.queue) >= MaxWaiting || len(c.queue) > 0 && c.bytes+len(message) > MaxWaitingB {
			c.cutLocked()
			return
		}
		c.queue = append(c.queue, message)
		c.bytes += len(message)
	}
	c.wake()
}

// cutLocked ends a client that does not take what it is sent. What waits for it is thrown away: it resumes from its cursor.
func (c *conn) cutLocked() {
	c.slow, c.queue, c.bytes = true, nil, 0
	c.cfg.Cut()
	c.close(session.Closing{Detail: "too much waited for you: resume from your cursor"})
	if c.writing { // it hangs in a write that nobody takes
		c.socket.NetConn().SetWriteDeadline(time.Now().Add(closeWithin))
	}
}

// Close ends the connection after what waits.
func (c *conn) Close(why session.Closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(why)
}

func (c *conn) close(why session.Closing) {
	if c.closing != nil || c.dead {
		return
	}
	c.closing = &why
	c.wake()
}

// Drained is closed when nothing waits.
func (c *conn) Drained() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	if c.dead || len(c.queue) == 0 && !c.writing {
		close(done)
	} else {
		c.drained = append(c.drained, done)
	}
	return done
}

// wake starts a writer when there is something to do.
func (c *conn) wake() {
	if c.socket != nil && !c.writing && !c.dead && (len(c.queue) > 0 || c.closing != nil) {
		c.writing = true
		go c.write()
	}
}

// write writes what waits and goes.
func (c *conn) write() {
	kind := websocket.TextMessage
	if c.format == session.Protobuf {
		kind = websocket.BinaryMessage
	}
	for {
		batch, ping, end := c.next()
		for _, message := range batch {
			c.socket.SetWriteDeadline(time.Now().Add(writeWithin))
			if err := c.socket.WriteMessage(kind, message); err != nil {
				c.fail()
				return
			}
		}
		if ping && c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin)) != nil {
			c.fail()
			return
		}
		if end != nil {
			c.farewell(*end)
			return
		}
		if len(batch) == 0 && !ping && c.rest() {
			return
		}
	}
}

// next takes what waits; end is set when nothing comes after it.
func (c *conn) next() (batch [][]byte, ping bool, end *session.Closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch, end = c.queue, c.closing
	c.queue, c.bytes = nil, 0
	if len(batch) > 0 && time.Since(c.pinged) >= pingEvery {
		c.pinged, ping = time.Now(), true
	}
	return batch, ping, end
}

// rest ends the writer, unless something came meanwhile.
func (c *conn) rest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 || c.closing != nil {
		return false
	}
	c.writing = false
	c.release()
	return true
}

// fail: the socket takes nothing any more. The reader notices by the close.
func (c *conn) fail() {
	c.mu.Lock()
	c.bury()
	c.mu.Unlock()
	c.socket.Close()
}

// farewell says why, and closes.
func (c *conn) farewell(why session.Closing) {
	code := codeOf(why.Reason)
	c.mu.Lock()
	if c.slow {
		code = CodeSlow
	}
	c.bury()
	c.mu.Unlock()
	c.leaving.Store(true)
	c.sendClose(code, why.Detail)
	c.socket.SetReadDeadline(time.Now().Add(closeWithin)) // the reader ends when the client answered, or did not
}

func (c *conn) sendClose(code int, detail string) {
	const most = 120 // bytes of a reason in a close frame; RFC 6455 allows 123
	message := websocket.FormatCloseMessage(code, detail[:min(len(detail), most)])
	err := c.socket.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeWithin))
	if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
		c.cfg.Log.Debug("a close frame was not taken", "code", code, "error", err)
	}
}

func codeOf(reason session.Reason) int {
	switch reason {
	case session.Misused:
		return CodeMisused
	case session.Unauthenticated:
		return CodeUnauthenticated
	case session.HelloLate:
		return CodeHelloLate
	case session.Restarting:
		return CodeRestarting
	case session.Overwhelmed:
		return CodeOverwhelmed
	}
	return CodeEnded
}

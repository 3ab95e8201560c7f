// One connection: what is said to it waits in a bounded buffer, and goes out at once as long as the kernel takes it.

package websocket

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// conn implements session.Carrier. Frames may be said before the socket is there.
type conn struct {
	cfg     *Config
	format  translate.Format
	net     net.Conn        // nil = not there yet
	raw     syscall.RawConn // of net, if it has one
	line    session.Line
	reading reading

	mu      sync.Mutex
	waiting *buffer
	frames  int  // in waiting
	writing bool // a writer waits for the kernel, with what stands before waiting
	pinged  time.Time
	closing *ending         // set once: nothing is said after it
	slow    bool            // it was cut
	dead    bool            // nothing is written any more
	drained []chan struct{} // closed when nothing waits
	leaving atomic.Bool     // nothing but its end is waited for
}

// ending is a close frame.
type ending struct {
	code   ws.StatusCode // empty = none
	detail string
	said   bool // it is in the buffer
}

func newConn(cfg *Config, format translate.Format) *conn {
	return &conn{cfg: cfg, format: format, pinged: time.Now(), reading: reading{limit: session.MaxHello}}
}

// start begins to read. What was said meanwhile is written now.
func (c *conn) start(socket net.Conn, line session.Line) {
	c.mu.Lock()
	c.net, c.raw, c.line = socket, direct(socket), line
	c.flush()
	c.mu.Unlock()
	go c.read()
}

// Say lets frames wait and writes them, or cuts a client for which too much waits.
func (c *conn) Send(frames []*pb.ServerFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, frame := range frames {
		if c.dead || c.closing != nil {
			return
		}
		if c.frames >= MaxWaiting || c.frames > 0 && len(c.waiting.bytes) > MaxWaitingB {
			c.cut()
			return
		}
		if err := c.add(frame); err != nil {
			c.cfg.Log.Error("a frame could not be written: the client is cut and repairs itself", "error", err)
			c.endLocked(CodeOverwhelmed, "resume from the cursor")
			return
		}
	}
	if c.frames > 0 && time.Since(c.pinged) >= pingEvery {
		c.pinged = time.Now()
		c.frame(ws.OpPing, nil)
	}
	c.flush()
}

// cut ends a client that does not take what it is sent. What waits for it is thrown away: it resumes from its cursor.
func (c *conn) cut() {
	c.forget()
	c.slow = true
	c.cfg.Cut()
	c.endLocked(CodeSlow, "too much waited for you: resume from your cursor")
	if c.writing { // it hangs in a write that nobody takes
		_ = c.net.SetWriteDeadline(time.Now().Add(closeWithin))
	}
}

// Close ends the connection after what waits.
func (c *conn) Close(why session.Closing) { c.end(codeOf(why.Reason), why.Detail) }

func (c *conn) end(code ws.StatusCode, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(code, detail)
}

func (c *conn) endLocked(code ws.StatusCode, detail string) {
	if c.closing != nil || c.dead {
		return
	}
	c.closing = &ending{code: code, detail: detail}
	c.flush()
}

// pong answers a ping, unless it would wait: a client that does not take what it is sent needs no answer to its ping.
func (c *conn) pong(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || c.dead || c.closing != nil {
		return
	}
	c.frame(ws.OpPong, data)
	c.flush()
}

// Drained is closed when nothing waits.
func (c *conn) Drained() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := make(chan struct{})
	if c.dead || c.waiting == nil && !c.writing {
		close(done)
	} else {
		c.drained = append(c.drained, done)
	}
	return done
}

// gone: nothing more is read.
func (c *conn) gone() {
	c.mu.Lock()
	c.bury()
	c.mu.Unlock()
	c.line.Disconnect()
	c.net.Close()
}

// bury ends everything that waits.
func (c *conn) bury() {
	c.dead = true
	c.forget()
	c.release()
}

func (c *conn) release() {
	for _, d := range c.drained {
		close(d)
	}
	c.drained = nil
}

func codeOf(reason session.Reason) ws.StatusCode {
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

// Writing: frames are encoded one behind another and leave in one call of the kernel, from whoever said them. Only when the
// kernel takes no more a writer begins, waits for it, and goes.

package websocket

import (
	"bytes"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	bufferBytes = 2 << 10  // of a new buffer
	bufferKept  = 64 << 10 // bytes of the largest buffer that is kept for others
	chunkBytes  = 16 << 10 // of one write that waits for the kernel
)

// buffer is borrowed by whoever reads or has something to write; an idle connection has none.
type buffer struct {
	bytes   []byte
	attempt func(fd uintptr) bool // to write them; made once
	written int                   // by the last attempt

	head   [ws.MaxHeaderSize]byte // of the frame that is read, ...
	header bytes.Reader           // ... and its reader
}

var buffers = sync.Pool{New: func() any { return &buffer{bytes: make([]byte, 0, bufferBytes)} }}

func borrow() *buffer { return buffers.Get().(*buffer) }

func (b *buffer) giveBack() {
	if cap(b.bytes) <= bufferKept {
		b.bytes = b.bytes[:0]
		buffers.Put(b)
	}
}

// add encodes a frame behind what waits.
func (c *conn) add(frame *pb.ServerFrame) error {
	message := borrow()
	defer message.giveBack()
	var err error
	if message.bytes, err = c.format.Append(message.bytes, frame); err != nil {
		return err
	}
	c.frame(c.kind(), message.bytes)
	c.frames++
	return nil
}

// kind is that of every message, there and back.
func (c *conn) kind() ws.OpCode {
	if c.format == translate.Protobuf {
		return ws.OpBinary
	}
	return ws.OpText
}

// frame lets one frame wait.
func (c *conn) frame(kind ws.OpCode, payload []byte) {
	if c.waiting == nil {
		c.waiting = borrow()
	}
	c.waiting.bytes = appendFrame(c.waiting.bytes, kind, payload)
}

// forget throws away what waits.
func (c *conn) forget() {
	if c.waiting != nil {
		c.waiting.giveBack()
	}
	c.waiting, c.frames = nil, 0
}

// flush writes what waits, without ever waiting for the kernel.
func (c *conn) flush() {
	if c.net == nil || c.writing || c.dead {
		return
	}
	c.sayClose()
	if c.waiting == nil {
		return
	}
	batch := c.waiting
	c.waiting, c.frames = nil, 0
	if n := try(c.raw, batch); n < len(batch.bytes) {
		c.writing = true
		go c.write(batch, n)
		return
	}
	batch.giveBack()
	c.emptied()
}

// sayClose lets the close frame wait behind everything else, once.
func (c *conn) sayClose() {
	if c.closing == nil || c.closing.said {
		return
	}
	c.closing.said = true
	if c.closing.code.Empty() { // the client gave none either
		c.frame(ws.OpClose, nil)
		return
	}
	c.frame(ws.OpClose, ws.NewCloseFrameBody(c.closing.code, c.closing.detail))
}

// emptied: nothing waits. Behind a close frame the reader ends, when the client answered or did not.
func (c *conn) emptied() {
	c.release()
	if c.closing != nil {
		c.bury()
		c.leave()
	}
}

// leave gives a reader, which may be one that has just been woken, little time to end.
func (c *conn) leave() {
	c.leaving.Store(true)
	silent.wakes(c)
	_ = c.net.SetReadDeadline(time.Now().Add(closeWithin))
}

// write waits for the kernel to take what is left of a batch and what came meanwhile, and goes.
func (c *conn) write(batch *buffer, from int) {
	for {
		err := c.push(batch.bytes[from:])
		batch.giveBack()
		c.mu.Lock()
		if err != nil {
			c.bury()
			c.leave()
			c.mu.Unlock()
			c.net.Close() // the reader notices
			return
		}
		c.writing = false
		if c.dead || c.waiting == nil && (c.closing == nil || c.closing.said) {
			if !c.dead {
				_ = c.net.SetWriteDeadline(time.Time{})
				c.emptied()
			}
			c.mu.Unlock()
			return
		}
		c.sayClose()
		batch, from = c.waiting, 0
		c.waiting, c.frames, c.writing = nil, 0, true
		c.mu.Unlock()
	}
}

// push writes in pieces, each of which must be taken in time: who takes a little now and then is not cut in the middle.
func (c *conn) push(bytes []byte) error {
	for len(bytes) > 0 {
		c.mu.Lock()
		if !c.slow { // who is cut has its deadline
			_ = c.net.SetWriteDeadline(time.Now().Add(writeWithin))
		}
		c.mu.Unlock()
		n, err := c.net.Write(bytes[:min(len(bytes), chunkBytes)])
		if err != nil {
			return err
		}
		bytes = bytes[n:]
	}
	return nil
}

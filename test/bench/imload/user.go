// One user's side of a run: what it sent and what became of it, what it heard and whether that was right.

package imload

import (
	"sync"
	"time"
)

// stream follows one sender's messages at one receiver.
type stream struct {
	seen []bool
	max  uint64
}

type user struct {
	run    *run
	number int
	conn   Conn

	// As a sender.
	mu     sync.Mutex
	sentAt []int64 // by tag-1: when it was really written
	acked  []bool  // by tag-1
	left   []int32 // by seq: deliveries that are still to come; closed loop only
	window chan struct{}

	// As a receiver: touched by the reader goroutine alone, read after the run.
	streams map[uint32]*stream
}

// Message counts a delivery, and what is wrong with it.
func (u *user) Message(text []byte) {
	at, r := now(), u.run
	id, sender, seq, due, err := decodeText(text)
	if err != nil || id != r.id {
		r.stray.Add(1)
		return
	}
	if int(sender) == u.number {
		return // an echo to the sender is no delivery
	}
	s := u.streams[sender]
	if s == nil {
		s = &stream{}
		u.streams[sender] = s
	}
	for uint64(len(s.seen)) <= seq {
		s.seen = append(s.seen, false)
	}
	if s.seen[seq] {
		r.dup.Add(1)
		return
	}
	s.seen[seq] = true
	if seq < s.max {
		r.reorder.Add(1)
	} else {
		s.max = seq
	}
	r.delivered.Add(1)
	if due >= r.recordFrom.Load() {
		r.endToEnd.Record(at - due)
		if !r.stalls.touched(due) {
			r.steady.Record(at - due)
		}
	}
	if r.closed {
		r.users[sender].delivered(seq)
	}
}

// delivered notes one delivery of the user's own message.
func (u *user) delivered(seq uint64) {
	u.mu.Lock()
	u.left[seq]--
	everywhere := u.left[seq] == 0
	u.mu.Unlock()
	if everywhere {
		u.release()
	}
}

// release takes one message out of the window, if there is one.
func (u *user) release() {
	select {
	case <-u.window:
	default:
	}
}

// Ack counts what the server said to one's own message.
func (u *user) Ack(tag uint64, err error) {
	at, r := now(), u.run
	if err != nil {
		r.refused(err)
		return
	}
	u.mu.Lock()
	if tag == 0 || tag > uint64(len(u.sentAt)) || u.acked[tag-1] {
		u.mu.Unlock()
		return
	}
	u.acked[tag-1] = true
	sent := u.sentAt[tag-1]
	u.mu.Unlock()
	r.acks.Add(1)
	if sent >= r.recordFrom.Load() {
		r.accepted.Record(at - sent)
	}
}

// send sends the user's next message.
func (u *user) send(to Dest, seq uint64, due int64) {
	r := u.run
	text := encodeText(r.id, uint32(u.number), seq, due)
	u.mu.Lock()
	u.sentAt = append(u.sentAt, now())
	u.acked = append(u.acked, false)
	if r.closed {
		u.left = append(u.left, int32(r.fanOut))
	}
	u.mu.Unlock()
	r.sent.Add(1)
	if err := u.conn.Send(to, text, seq+1); err != nil {
		r.sendErr.Add(1)
	}
}

// openLoop sends at due times.
func (u *user) openLoop(to Dest, first int64, gap float64, end int64) {
	for seq := uint64(0); ; seq++ {
		due := first + int64(gap*float64(seq))
		if due >= end {
			return
		}
		if wait := due - now(); wait > 0 {
			time.Sleep(time.Duration(wait))
		}
		u.send(to, seq, due)
	}
}

// closedLoop keeps the window full.
func (u *user) closedLoop(to Dest, end int64) {
	for seq := uint64(0); now() < end; seq++ {
		u.window <- struct{}{}
		if now() >= end {
			return
		}
		u.send(to, seq, now())
	}
}

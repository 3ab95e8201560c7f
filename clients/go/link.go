// A link is one connection as the client sees it: which requests wait for an answer, and when something is due on it.

package parley

import (
	"time"

	"github.com/parley-im/parley/clients/go/frames"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Ids of requests: those that the client makes for itself have fixed ones, one at a time of each kind.
const (
	helloID = iota + 1
	pingID
	sendID
	snapshotID
	differenceID
	bridgeID
	firstID // of requests by a program
)

// link is one connection. The client's mutex guards it.
type link struct {
	conn     *frames.Conn
	wake     chan struct{} // something may be due
	welcomed bool
	lastID   uint64
	asked    map[uint64]*question // by a program
	open     map[uint64]bool      // requests of the client itself that are not answered

	beat     time.Duration
	spoke    time.Time // last frame to the gateway
	heard    time.Time // last frame of the gateway
	began    time.Time
	flew     time.Time // the command on the wire was sent
	holdTo   time.Time // no command before
	repeatAt time.Time // no difference or snapshot before
	repeats  int       // differences in a row that brought nothing
	doubtAt  time.Time // doubtful commands are given up then
	unheaded bool      // the gateway named no head: ask for a difference once

	goodbye *pb.Goodbye
}

// question is a request by a program.
type question struct {
	frame  *pb.ClientFrame
	answer chan *pb.ServerFrame // gets nil when the connection ended first; nil = nobody waits
}

func newLink(conn *frames.Conn, now time.Time) *link {
	return &link{conn: conn, wake: make(chan struct{}, 1), asked: map[uint64]*question{}, open: map[uint64]bool{},
		lastID: firstID, beat: heartbeat, spoke: now, heard: now, began: now}
}

// poke makes the client look at what is due.
func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// request makes a frame of a request that is made once at a time, or nil while it is open.
func (l *link) request(id uint64, frame *pb.ClientFrame) []*pb.ClientFrame {
	if l.open[id] {
		return nil
	}
	l.open[id] = true
	frame.Id = id
	return []*pb.ClientFrame{frame}
}

// ask gives a question its id.
func (l *link) ask(q *question) *pb.ClientFrame {
	l.lastID++
	q.frame.Id = l.lastID
	if q.answer != nil {
		l.asked[l.lastID] = q
	}
	return q.frame
}

// dead says why the connection is given up, or "".
func (l *link) dead(now time.Time, flying bool) string {
	switch {
	case !l.welcomed && now.Sub(l.began) > welcomeWithin:
		return "the gateway sent no welcome in time"
	case now.Sub(l.heard) > silentBeats*l.beat:
		return "the gateway sends nothing"
	case flying && now.Sub(l.flew) > answerWithin:
		return "the gateway does not answer a command"
	}
	return ""
}

// later puts off the next question for what is missing: longer each time that one brought nothing.
func (l *link) later(now time.Time, atLeast time.Duration) {
	l.repeatAt = now.Add(max(atLeast, min(minRepeat<<min(l.repeats, 8), maxRepeat)))
	l.repeats++
}

// due is when something is due at the latest.
func (l *link) due(now time.Time) time.Time {
	at := l.spoke.Add(l.beat / 2)
	for _, t := range []time.Time{l.holdTo, l.repeatAt, l.doubtAt, l.heard.Add(silentBeats * l.beat)} {
		if t.After(now) && t.Before(at) {
			at = t
		}
	}
	if !l.welcomed {
		at = l.began.Add(welcomeWithin)
	}
	return at.Add(time.Millisecond) // so that it is over then
}

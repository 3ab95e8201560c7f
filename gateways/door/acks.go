// Acknowledgements of the log. The producer acknowledges a batch of commands at once, and what one connection sends because
// of it leaves at once.

package door

import (
	"sync"

	"github.com/parley-im/parley/gateways/session"
)

// committer is a session that waits for acknowledgements. Both methods are called by one goroutine at a time.
type committer interface {
	// hold holds an acknowledgement until release; first reports that it is the first.
	hold(in session.Input) (first bool)
	// release steps the session with all that is held, in order.
	release()
}

// acks are handed out by a goroutine that begins with the first and ends with the last; their number is bounded by the
// commands that are in flight.
type acks struct {
	mu      sync.Mutex
	waiting []ack
	running bool
}

type ack struct {
	to committer
	in session.Input
}

// add queues an acknowledgement behind those that came with it. It never blocks.
func (a *acks) add(to committer, in session.Input) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, ack{to, in})
	if !a.running {
		a.running = true
		go a.run()
	}
}

// run steps each session with all acknowledgements that came meanwhile.
func (a *acks) run() {
	var batch []ack
	var sessions []committer
	for {
		clear(batch)
		a.mu.Lock()
		batch, a.waiting = a.waiting, batch[:0]
		if a.running = len(batch) > 0; !a.running {
			a.waiting = nil // an idle gateway keeps no buffer
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		sessions = sessions[:0]
		for _, one := range batch {
			if one.to.hold(one.in) {
				sessions = append(sessions, one.to)
			}
		}
		for _, s := range sessions {
			s.release()
		}
	}
}

// The queue of one session. Whoever delivers steps the session itself when nothing waits before it and its keys are in
// memory; otherwise the delivery waits for a goroutine that fetches the keys.

package push

import (
	"context"
	"log/slog"
	"sync"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"
)

const maxWaiting = 1_024 // pushes that wait for one session; more are dropped and repaired

// Session is stepped with what is delivered to it. Step must not block.
type Session interface{ Step(in session.Input) }

// shared is what all queues of a switchboard use.
type shared struct {
	ctx   context.Context // ends when the switchboard has stopped
	ring  *seal.Ring
	meter *meter
	log   *slog.Logger
}

// Queue holds the deliveries of one session, in order. Switchboard.NewQueue makes one.
type Queue struct {
	shared *shared
	to     Session

	mu      sync.Mutex
	waiting []session.Input
	busy    bool // somebody steps the session with a delivery, or pump runs
}

// Session returns the session that the queue delivers to.
func (q *Queue) Session() Session { return q.to }

// deliver steps the session with a delivery, or queues it behind those that wait, or for its keys. opened reports that the
// keys are with it. It must not be called from within a step, or with the switchboard locked: see enqueue.
func (q *Queue) deliver(in session.Input, opened bool) {
	q.mu.Lock()
	if q.busy {
		q.add(in)
		q.mu.Unlock()
		return
	}
	q.busy = true
	q.mu.Unlock()
	if opened {
		q.to.Step(in)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !opened {
		q.waiting = append([]session.Input{in}, q.waiting...)
	}
	if q.busy = len(q.waiting) > 0; q.busy {
		go q.pump()
	}
}

// enqueue queues a delivery and never steps the session itself.
func (q *Queue) enqueue(in session.Input) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(in)
	if !q.busy && len(q.waiting) > 0 {
		q.busy = true
		go q.pump()
	}
}

// add drops what has no room: the session notices the gap and repairs it.
func (q *Queue) add(in session.Input) {
	if len(q.waiting) >= maxWaiting {
		q.shared.meter.dropped.Inc()
		return
	}
	q.waiting = append(q.waiting, in)
}

// pump steps the session until nothing waits. It may block on keys; nobody waits for it.
func (q *Queue) pump() {
	for {
		q.mu.Lock()
		batch := q.waiting
		q.waiting = nil
		if len(batch) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, in := range batch {
			if opened, ok := q.shared.open(in); ok {
				q.to.Step(opened)
			}
		}
	}
}

// open fetches the keys of a push. Without them the push is dropped and repaired later: an event must not be shown as
// erased while its key is only unreachable.
func (s *shared) open(in session.Input) (session.Input, bool) {
	pushed, ok := in.(session.Pushed)
	if !ok || len(pushed.Inbox) == 0 {
		return in, true
	}
	opener, err := s.ring.Opener(s.ctx, keysOf(pushed))
	if err != nil {
		s.meter.dropped.Inc()
		s.log.Warn("a push could not be opened", "error", err)
		return nil, false
	}
	pushed.Open = opener
	return pushed, true
}

func keysOf(pushed session.Pushed) (keys []string) {
	for _, event := range pushed.Inbox {
		keys = append(keys, translate.Needs(event)...)
	}
	return keys
}

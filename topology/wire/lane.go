// This file keeps "outputs before state": a row's changelog record waits until every output before it in its lane is acked.

package wire

import (
	"slices"
	"sync"

	"github.com/parley-im/parley/topology/wire/failpoint"
)

// lane is the order of one partition's outputs and changelog records. Outputs leave at once and are acked in any order,
// because they go to many partitions. Changelog records are held until all outputs handed in before them are acked, and
// rows for their pace besides: nobody waits for a row but commits, and of a key that is folded again meanwhile only the
// newest row is sent. That is the log as compaction would leave it.
type lane struct {
	send func(*shipment) error

	mu       sync.Mutex
	outputs  counter // outputs handed in, and the number up to which all are acked
	states   counter // changelog records likewise
	held     []*shipment
	due      int                  // so many of the first held ones leave as soon as their outputs are acked
	newest   map[string]*shipment // held rows that are not due
	barriers []barrier
	broken   error
}

// counter counts what was handed in and what is acked without a gap.
type counter struct {
	in, acked uint64
	early     map[uint64]struct{} // acked behind a gap
}

// barrier is a function that waits for everything before it.
type barrier struct {
	outputs, states uint64
	run             func(error)
}

func newLane(send func(*shipment) error) *lane {
	return &lane{
		send: send, newest: map[string]*shipment{},
		outputs: counter{early: map[uint64]struct{}{}}, states: counter{early: map[uint64]struct{}{}},
	}
}

func (c *counter) next() uint64 {
	c.in++
	return c.in
}

// ack moves the gapless prefix of what is acked forward.
func (c *counter) ack(number uint64) {
	if number != c.acked+1 {
		c.early[number] = struct{}{}
		return
	}
	for {
		c.acked++
		next := c.acked + 1
		if _, ok := c.early[next]; !ok {
			return
		}
		delete(c.early, next)
	}
}

// put hands a shipment in: it is sent now, or held. An error is final, and the shipment will not be finished by the lane.
func (l *lane) put(s *shipment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	s.lane = l
	if s.kind == output {
		s.number = l.outputs.next()
		return l.send(s)
	}
	s.number, s.need = l.states.next(), l.outputs.in
	l.held = append(l.held, s)
	if s.kind == takeover {
		return l.hurry() // rows from before a takeover do not merge with rows from behind it
	}
	if older := l.newest[s.Key]; older != nil {
		older.superseded, s.older = true, older
	}
	l.newest[s.Key] = s
	return nil
}

// pace lets everything that is held leave as soon as its outputs are acked: the other rows' time is over.
func (l *lane) pace() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil
	}
	return l.hurry()
}

func (l *lane) hurry() error {
	l.due = len(l.held)
	clear(l.newest) // who is due is not superseded any more, or a busy key's row would never leave
	return l.release()
}

// acked notes an ack, sends what waited for it, and runs the barriers that it opened.
func (l *lane) acked(s *shipment) error {
	l.mu.Lock()
	if l.broken != nil {
		l.mu.Unlock()
		return nil
	}
	if s.kind == output {
		l.outputs.ack(s.number)
		failpoint.ReachOutputAcked(l.outputs.acked == l.outputs.in)
	}
	for row := s; row != nil && s.kind != output; row = row.older {
		l.states.ack(row.number)
	}
	err := l.release()
	open := l.openBarriers()
	l.mu.Unlock()
	for _, b := range open {
		b.run(nil)
	}
	return err
}

// release sends the due records whose outputs are acked. One that cannot be sent stays held, for fail to find.
func (l *lane) release() error {
	for l.due > 0 {
		first := l.held[0]
		if !first.superseded {
			if first.need > l.outputs.acked {
				return nil
			}
			if err := l.send(first); err != nil {
				return err
			}
		}
		l.held[0] = nil
		l.held, l.due = l.held[1:], l.due-1
	}
	return nil
}

func (l *lane) openBarriers() []barrier {
	n := 0
	for n < len(l.barriers) && l.barriers[n].outputs <= l.outputs.acked && l.barriers[n].states <= l.states.acked {
		n++
	}
	open := l.barriers[:n:n]
	l.barriers = l.barriers[n:]
	return open
}

// barrier runs a function when everything handed in so far is acked, at once if it is.
func (l *lane) barrier(run func(error)) {
	l.mu.Lock()
	err := l.broken
	if err == nil && (l.outputs.acked < l.outputs.in || l.states.acked < l.states.in) {
		l.barriers = append(l.barriers, barrier{l.outputs.in, l.states.in, run})
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	run(err)
}

// fail ends the lane: what is held is never sent, and everybody who waits is told. It returns what was held.
func (l *lane) fail(err error) []*shipment {
	l.mu.Lock()
	if l.broken == nil {
		l.broken = err
	}
	held, barriers := slices.DeleteFunc(l.held, func(s *shipment) bool { return s.superseded }), l.barriers
	l.held, l.due, l.barriers = nil, 0, nil
	l.mu.Unlock()
	for _, b := range barriers {
		b.run(err)
	}
	return held
}

// This file keeps "outputs before state": a row's changelog record waits until every output before it in its lane is acked.

package wire

import (
	"sync"

	"github.com/parley-im/parley/topology"
)

// lane is the order of one partition's outputs and changelog records. Outputs leave at once and are acked in any order,
// because they go to many partitions; changelog records are held until all outputs handed in before them are acked.
type lane struct {
	send func(*shipment) error

	headers []topology.Header // of the output that is being said; belongs to the partition's goroutine

	mu       sync.Mutex
	outputs  counter // outputs handed in, and the number up to which all are acked
	states   counter // changelog records likewise
	early    map[uint64]struct{}
	held     []*shipment
	barriers []barrier
	broken   error
}

// counter counts what was handed in and what is acked without a gap.
type counter struct{ in, acked uint64 }

// barrier is a function that waits for everything before it.
type barrier struct {
	outputs, states uint64
	run             func(error)
}

func newLane(send func(*shipment) error) *lane {
	return &lane{send: send, early: map[uint64]struct{}{}}
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
		l.outputs.in++
		s.need = l.outputs.in
		return l.send(s)
	}
	l.states.in++
	s.need = l.outputs.in
	// Behind a held record everything is held: the changelog has one order.
	if l.outputs.acked < s.need || len(l.held) > 0 {
		l.held = append(l.held, s)
		return nil
	}
	return l.send(s)
}

// acked notes an ack, sends what waited for it, and runs the barriers that it opened.
func (l *lane) acked(s *shipment) error {
	l.mu.Lock()
	if l.broken != nil {
		l.mu.Unlock()
		return nil
	}
	if s.kind == output {
		l.ackOutput(s.need)
		failOutputAcked(l)
	} else {
		l.states.acked++ // one partition: acked in order
	}
	err := l.release()
	open := l.openBarriers()
	l.mu.Unlock()
	for _, b := range open {
		b.run(nil)
	}
	return err
}

// ackOutput moves the gapless prefix of acked outputs forward.
func (l *lane) ackOutput(number uint64) {
	if number != l.outputs.acked+1 {
		l.early[number] = struct{}{}
		return
	}
	for {
		l.outputs.acked++
		next := l.outputs.acked + 1
		if _, ok := l.early[next]; !ok {
			return
		}
		delete(l.early, next)
	}
}

// release sends the held records whose outputs are acked. One that cannot be sent stays held, for fail to find.
func (l *lane) release() error {
	for len(l.held) > 0 && l.held[0].need <= l.outputs.acked {
		if err := l.send(l.held[0]); err != nil {
			return err
		}
		l.held[0] = nil
		l.held = l.held[1:]
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
	held, barriers := l.held, l.barriers
	l.held, l.barriers = nil, nil
	l.mu.Unlock()
	for _, b := range barriers {
		b.run(err)
	}
	return held
}

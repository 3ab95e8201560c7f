// Outputs before state, and the prefix law: a model of the wire's lane and producer.

package sim

import (
	"fmt"

	"github.com/parley-im/parley/topology"
)

// kind says how a lane treats a record, as in the wire.
type kind uint8

const (
	output kind = iota
	rowState
	takeoverMark
	skipMark
)

// shipment is a record on its way to the log.
type shipment struct {
	topic     string
	partition int32
	entry     entry
	kind      kind
	lane      *lane
	number    uint64 // in the lane, among its outputs or its changelog records
	need      uint64 // changelog record: the outputs that must be acked before it leaves
	store     *store
	row       written
	input     *input
	acked     func(offset int64)

	older      *shipment // row: the one that it supersedes, which is done when this one is
	superseded bool
}

// input is an input that is done when all its records are acked.
type input struct {
	claim   *claim
	offset  int64
	pending int
}

func (i *input) done() {
	if i.pending--; i.pending == 0 {
		i.claim.commits.finish(i.offset)
	}
}

// lane is the order of one partition's outputs and changelog records in one process. Rows are held for their pace, and of a key
// that is folded again meanwhile only the newest is sent.
type lane struct {
	p        *process
	outputs  counter
	states   counter
	held     []*shipment
	due      int                  // so many of the first held ones leave as soon as their outputs are acked
	newest   map[string]*shipment // held rows that are not due
	barriers []barrier
}

func newLane(p *process) *lane {
	return &lane{p: p, outputs: counter{early: map[uint64]bool{}}, states: counter{early: map[uint64]bool{}}, newest: map[string]*shipment{}}
}

// counter counts what was handed in and what is acked without a gap.
type counter struct {
	in, acked uint64
	early     map[uint64]bool
}

func (c *counter) next() uint64 {
	c.in++
	return c.in
}

func (c *counter) ack(number uint64) {
	c.early[number] = true
	for c.early[c.acked+1] {
		c.acked++
		delete(c.early, c.acked)
	}
}

type barrier struct {
	outputs, states uint64
	input           *input
}

func (l *lane) put(s *shipment) {
	s.lane = l
	l.p.unacked++
	if s.kind == output {
		s.number = l.outputs.next()
		l.p.send(s)
		return
	}
	s.number, s.need = l.states.next(), l.outputs.in
	if l.p.w.broken(ChangelogBeforeOutputs) {
		l.p.send(s)
		return
	}
	l.held = append(l.held, s)
	if s.kind != rowState {
		l.pace() // rows from before a mark do not merge with rows from behind it
		return
	}
	key := s.entry.Key
	if older := l.newest[key]; older != nil {
		older.superseded, s.older = true, older
	}
	l.newest[key] = s
}

// pace lets everything that is held leave as soon as its outputs are acked.
func (l *lane) pace() {
	l.due = len(l.held)
	clear(l.newest)
	l.release()
}

func (l *lane) release() {
	for l.due > 0 {
		first := l.held[0]
		if !first.superseded {
			if first.need > l.outputs.acked {
				return
			}
			l.p.send(first)
		}
		l.held, l.due = l.held[1:], l.due-1
	}
}

func (l *lane) ack(s *shipment) {
	if s.kind == output {
		l.outputs.ack(s.number)
	} else {
		for row := s; row != nil; row = row.older {
			l.states.ack(row.number)
		}
	}
	l.release()
	for len(l.barriers) > 0 && l.barriers[0].outputs <= l.outputs.acked && l.barriers[0].states <= l.states.acked {
		l.barriers[0].input.done()
		l.barriers = l.barriers[1:]
	}
}

// barrier finishes an input when everything handed in so far is acked.
func (l *lane) barrier(i *input) {
	if l.outputs.acked == l.outputs.in && l.states.acked == l.states.in {
		i.done()
		return
	}
	l.barriers = append(l.barriers, barrier{l.outputs.in, l.states.in, i})
}

// queue is what a producer has for one partition: sent and not landed, landed and not acked. A producer writes a prefix.
type queue struct {
	topic     string
	partition int32
	sent      []*shipment
	landed    []landing
}

type landing struct {
	s      *shipment
	offset int64
}

func (p *process) send(s *shipment) {
	for _, q := range p.queues {
		if q.topic == s.topic && q.partition == s.partition {
			q.sent = append(q.sent, s)
			return
		}
	}
	p.queues = append(p.queues, &queue{topic: s.topic, partition: s.partition, sent: []*shipment{s}})
}

// land lets up to n records of a queue reach the log.
func (w *World) land(q *queue, n int) bool {
	if len(q.sent) == 0 {
		return false
	}
	for ; n > 0 && len(q.sent) > 0; n-- {
		s := q.sent[0]
		offset := w.append(q.topic, q.partition, s.entry)
		if w.broken(NoIdempotence) && w.random.IntN(12) == 0 && s.kind == output {
			// The answer is lost, the producer tries again, and what came behind it overtakes.
			if len(q.sent) > 1 {
				q.sent[0], q.sent[1] = q.sent[1], q.sent[0]
			}
			continue
		}
		if w.broken(NoIdempotence) && w.random.IntN(12) == 0 && len(q.sent) > 1 && s.kind == output && q.sent[1].kind == output {
			// A first attempt failed and is retried behind the second one.
			w.log[q.topic][q.partition].truncate(1)
			q.sent[0], q.sent[1] = q.sent[1], q.sent[0]
			continue
		}
		q.sent = q.sent[1:]
		q.landed = append(q.landed, landing{s, offset})
	}
	return true
}

// acks tells the process of up to n records that they are there: the store first, then the input, then the lane.
func (p *process) acks(q *queue, n int) bool {
	if len(q.landed) == 0 {
		return false
	}
	for ; n > 0 && len(q.landed) > 0; n-- {
		at := q.landed[0]
		q.landed = q.landed[1:]
		if at.s.store != nil {
			at.s.store.acked(at.s, at.offset)
		}
		if at.s.acked != nil {
			at.s.acked(at.offset)
		}
		for s := at.s; s != nil; s = s.older {
			if p.unacked--; s.input != nil {
				s.input.done()
			}
		}
		at.s.lane.ack(at.s)
	}
	return true
}

// change hands in a changelog record that no input caused.
func (p *process) change(k kind, c *claim, key string, value []byte, acked func(int64)) {
	s := &shipment{topic: p.group.table, partition: c.partition, kind: k, store: c.store, acked: acked}
	s.entry = entry{Record: topology.Record{Key: key, Value: value}, generation: noGeneration, takeover: k == takeoverMark}
	s.entry.input = p.ids[0][c.partition]
	if k != takeoverMark {
		s.entry.generation = c.generation
		s.row = c.store.last
	} else {
		s.entry.rank = c.rank
	}
	s.entry.skip = k == skipMark
	_, _ = fmt.Sscanf(key, skipPrefix+"%d/", &s.entry.skipped)
	p.lanes[c.partition].put(s)
}

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
	need      uint64
	store     *store
	input     *input
	acked     func(offset int64)
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

// lane is the order of one partition's outputs and changelog records in one process.
type lane struct {
	p         *process
	in, acked uint64 // outputs handed in; acked without a gap
	statesIn  uint64
	statesOut uint64
	early     map[uint64]bool
	held      []*shipment
	barriers  []barrier
}

type barrier struct {
	outputs, states uint64
	input           *input
}

func (l *lane) put(s *shipment) {
	s.lane = l
	l.p.unacked++
	if s.kind == output {
		l.in++
		s.need = l.in
		l.p.send(s)
		return
	}
	l.statesIn++
	s.need = l.in
	if (l.acked < s.need || len(l.held) > 0) && !l.p.w.broken(ChangelogBeforeOutputs) {
		l.held = append(l.held, s)
		return
	}
	l.p.send(s)
}

func (l *lane) ack(s *shipment) {
	if s.kind != output {
		l.statesOut++
	} else {
		l.early[s.need] = true
		for l.early[l.acked+1] {
			l.acked++
			delete(l.early, l.acked)
		}
	}
	for len(l.held) > 0 && l.held[0].need <= l.acked {
		l.p.send(l.held[0])
		l.held = l.held[1:]
	}
	for len(l.barriers) > 0 && l.barriers[0].outputs <= l.acked && l.barriers[0].states <= l.statesOut {
		l.barriers[0].input.done()
		l.barriers = l.barriers[1:]
	}
}

// barrier finishes an input when everything handed in so far is acked.
func (l *lane) barrier(i *input) {
	if l.acked == l.in && l.statesOut == l.statesIn {
		i.done()
		return
	}
	l.barriers = append(l.barriers, barrier{l.in, l.statesIn, i})
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
		p.unacked--
		if at.s.acked != nil {
			at.s.acked(at.offset)
		}
		if at.s.input != nil {
			at.s.input.done()
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
	} else {
		s.entry.rank = c.rank
	}
	s.entry.skip = k == skipMark
	_, _ = fmt.Sscanf(key, skipPrefix+"%d/", &s.entry.skipped)
	p.lanes[c.partition].put(s)
}

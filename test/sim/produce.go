// The producer of a process: its tracks, and the prefix law below them.

package sim

import (
	"slices"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// shipment is a record on its way to the log.
type shipment struct {
	law.Slot[*shipment]
	topic     string
	partition int32
	entry     entry
	track     *track
	store     *store
	row       written
	acked     func(offset int64)
}

// track is the order of one partition's outputs and changelog records in one process.
type track struct {
	*law.Track[*shipment]
	p       *process
	unacked []*shipment // changelog records, for whoever deletes inputs
}

func newTrack(p *process) *track {
	return &track{law.NewTrack(func(s *shipment) error { p.send(s); return nil }, p.w.cfg.Mutant.broken()), p, nil}
}

func (t *track) put(s *shipment) {
	s.track = t
	if t.p.unacked++; s.Kind != law.Output {
		t.unacked = append(t.unacked, s)
	}
	must(t.Put(s, s.entry.Key))
}

func (t *track) ack(s *shipment) {
	for row := s; row != nil; row = row.Older {
		if i := slices.Index(t.unacked, row); i >= 0 {
			t.unacked = slices.Delete(t.unacked, i, i+1)
		}
	}
	t.Ack(s)
	open, err := t.Release()
	must(err)
	for _, b := range open {
		b.Run(nil)
	}
}

// barrier runs a function when everything handed in so far is acked.
func (t *track) barrier(run func(error)) {
	if now, err := t.Barrier(run); now {
		run(err)
	}
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
		if w.broken(NoIdempotence) && w.random.IntN(12) == 0 && s.Kind == law.Output {
			// The answer is lost, the producer tries again, and what came behind it overtakes.
			if len(q.sent) > 1 {
				q.sent[0], q.sent[1] = q.sent[1], q.sent[0]
			}
			continue
		}
		if w.broken(NoIdempotence) && w.random.IntN(12) == 0 && len(q.sent) > 1 && s.Kind == law.Output && q.sent[1].Kind == law.Output {
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

// acks lets the process take the acks of up to n records: the store first, then whoever waits, then the track.
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
		for s := at.s; s != nil; s = s.Older {
			p.unacked--
		}
		at.s.track.ack(at.s)
	}
	return true
}

// change hands in a changelog record that no input caused.
func (p *process) change(k law.Kind, c *claim, key string, value []byte, headers []topology.Header, acked func(int64)) {
	s := &shipment{Slot: law.Slot[*shipment]{Kind: k}, topic: p.group.table, partition: c.partition, store: c.store, acked: acked}
	s.entry.Record = topology.Record{Key: key, Value: value, Headers: headers}
	if k == law.Row {
		s.row = c.store.last
	}
	p.tracks[c.partition].put(s)
}

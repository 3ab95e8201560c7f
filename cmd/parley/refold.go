// Partitions read and folded again, for tools that ask what was.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// history reads a log again.
type history struct {
	s    Settings
	plan topology.Plan
	bar  *bar
}

func (s Settings) history(what string) *history {
	return &history{s: s, plan: s.plan(), bar: newBar(what)}
}

// errEnough ends a reading early.
var errEnough = errors.New("enough was read")

// read gives the records of one partition from one offset to before another; -1 = its beginning, its end.
func (h *history) read(ctx context.Context, at audit.Place, from, to int64, each func(*topology.Record) error) error {
	spans, err := wire.Ends(ctx, h.s.cluster(), at.Topic)
	if err != nil {
		return err
	}
	own, ok := spans[at.Partition]
	if !ok {
		return fmt.Errorf("%s has no partition %d, only 0 to %d", at.Topic, at.Partition, len(spans)-1)
	}
	if from < own.Oldest {
		from = own.Oldest
	}
	if to < 0 || to > own.End {
		to = own.End
	}
	begins, ends := map[int32]int64{}, map[int32]int64{at.Partition: to}
	for p, s := range spans {
		begins[p] = s.End // nothing of the others
	}
	begins[at.Partition] = from
	err = wire.ReadFrom(ctx, h.s.cluster(), at.Topic, begins, ends, func(r *topology.Record) error {
		if r.Partition != at.Partition {
			return nil
		}
		h.bar.set(r.Offset-from, to-from)
		return each(r)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// span is read, as views ask for it.
func (h *history) span(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error {
	return h.read(ctx, audit.Place{Topic: topic, Partition: partition}, from, to, each)
}

// one is the record at an offset.
func (h *history) one(ctx context.Context, at audit.Place, offset int64) (*topology.Record, error) {
	var found *topology.Record
	err := h.read(ctx, at, offset, offset+1, func(r *topology.Record) error {
		if r.Offset == offset {
			found = r
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s/%d has no record at offset %d: it is not written yet, or its retention has ended", at.Topic, at.Partition, offset)
	}
	return found, err
}

// folded is what a fold made of one input.
type folded struct {
	in            *topology.Record
	before, after []byte // after = nil: dropped
	outputs       []topology.Output
}

// refold folds the inputs of one partition again, of those keys that matter, and gives each to the caller.
func (h *history) refold(ctx context.Context, m topology.Machine, partition int32, to int64, matters func(key string) bool, each func(folded) error) error {
	at := audit.Place{Topic: m.Group.Input, Partition: partition}
	spans, err := wire.Ends(ctx, h.s.cluster(), at.Topic)
	if err != nil {
		return err
	}
	if s, ok := spans[partition]; ok && s.Oldest > 0 {
		return errNotRetained{at, s.Oldest}
	}
	if m, err = skipping(ctx, h.s.cluster(), m); err != nil {
		return err
	}
	rows := map[string][]byte{}
	return h.read(ctx, at, -1, to, func(r *topology.Record) error {
		if r.Key != topology.RulesKey && !matters(r.Key) {
			return nil
		}
		rules := m.RulesAt(rows[topology.RulesKey], r.Offset)
		if rules > m.MaxRules {
			return fmt.Errorf("rules %d hold at %s/%d@%d, and this binary knows them up to %d: take a newer one", rules, r.Topic, r.Partition, r.Offset, m.MaxRules)
		}
		f := folded{in: r, before: rows[r.Key]}
		f.after, f.outputs = m.Fold(rules, f.before, r)
		if f.after != nil {
			rows[r.Key] = f.after
		}
		return each(f)
	})
}

// errNotRetained says that the beginning of an input is gone, so that it cannot be folded again.
type errNotRetained struct {
	at     audit.Place
	oldest int64
}

func (e errNotRetained) Error() string {
	return fmt.Sprintf("%s/%d begins at offset %d: what came before was deleted by its retention, so it cannot be folded again", e.at.Topic, e.at.Partition, e.oldest)
}

// lastRow is the newest row of a key in the changelog that is true at an offset of the input; nil = none is kept.
func (h *history) lastRow(ctx context.Context, m topology.Machine, partition int32, key string, to int64) ([]byte, error) {
	var row []byte
	err := h.read(ctx, audit.Place{Topic: h.plan.Table(m.Group.Name), Partition: partition}, -1, -1, func(r *topology.Record) error {
		if r.Key == key && !wire.IsTakeover(r) && (to < 0 || throughOf(r.Value) <= to) && throughOf(r.Value) >= throughOf(row) {
			row = bytes.Clone(r.Value)
		}
		return nil
	})
	return row, err
}

// inputOf is the machine that folds a topic.
func (h *history) inputOf(topic string) (topology.Machine, bool) {
	for _, m := range processors.Machines(h.plan) {
		if m.Group.Input == topic {
			return m, true
		}
	}
	return topology.Machine{}, false
}

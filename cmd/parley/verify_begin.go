// How an auditor begins: at the beginning of the log, or, where that was deleted by retention, at what is there.

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Limits of beginning late.
const (
	adoptBatch = 10_000      // rows of changelogs between two checkpoints
	clockSlack = time.Minute // by which the clocks of two brokers may differ
)

// begunKey is there when the auditor has begun: a beginning that was interrupted is begun again.
var begunKey = []byte("\xfebegun")

// begin makes a new auditor begin with what is there, or fails when records were deleted that an old one has not seen:
// whatever it said behind them would be a guess.
func (w *auditing) begin(ctx context.Context) error {
	oldest, err := w.watch.begins(ctx, w.auditor.Topics())
	if err != nil {
		return err
	}
	if w.memory.Get(begunKey) != nil {
		return w.reachable(oldest)
	}
	beginnings := map[audit.Place]audit.Beginning{}
	for _, t := range w.plan.Topics { // changelogs are compacted: their beginning moves, and nothing is missing
		if err := w.beginningsOf(ctx, t.Name, oldest, beginnings); err != nil {
			return err
		}
	}
	w.auditor.Begin(beginnings)
	for _, g := range w.plan.Groups {
		for p := range w.plan.Partitions {
			if _, cut := beginnings[audit.Place{Topic: g.Input, Partition: p}]; cut {
				if err := w.adopt(ctx, w.plan.Table(g.Name)); err != nil {
					return err
				}
				break
			}
		}
	}
	w.memory.Set(begunKey, nil)
	return w.save()
}

// beginningsOf notes where the partitions of a topic begin that do not begin at offset 0.
func (w *auditing) beginningsOf(ctx context.Context, topic string, oldest map[audit.Place]int64, into map[audit.Place]audit.Beginning) error {
	to := map[int32]int64{}
	for p := range w.plan.Partitions {
		at := audit.Place{Topic: topic, Partition: p}
		if to[p] = oldest[at]; to[p] == 0 {
			continue
		}
		into[at] = audit.Beginning{Offset: to[p], TimeMs: time.Now().Add(clockSlack).UnixMilli()} // perhaps nothing is left
		to[p]++
	}
	return wire.ReadFrom(ctx, w.s.cluster(), topic, nil, to, func(r *topology.Record) error {
		at := audit.Place{Topic: topic, Partition: r.Partition}
		if b, cut := into[at]; cut {
			into[at] = audit.Beginning{Offset: b.Offset, TimeMs: r.Time.Add(clockSlack).UnixMilli()}
		}
		return nil
	})
}

// adopt takes the rows of a changelog, a checkpoint now and then.
func (w *auditing) adopt(ctx context.Context, table string) error {
	rows := 0
	return wire.Read(ctx, w.s.cluster(), table, func(r *topology.Record) error {
		if wire.IsTakeover(r) {
			return nil
		}
		w.auditor.Adopt(r)
		if rows++; rows%adoptBatch == 0 {
			return w.save()
		}
		return nil
	})
}

// reachable fails when an auditor has not seen what is gone.
func (w *auditing) reachable(oldest map[audit.Place]int64) error {
	for _, t := range w.plan.Topics {
		for p := range w.plan.Partitions {
			at := audit.Place{Topic: t.Name, Partition: p}
			if position := w.auditor.Position(at); position < oldest[at] {
				return errLeftBehind(at, position, oldest[at])
			}
		}
	}
	return nil
}

func errLeftBehind(at audit.Place, seen, oldest int64) error {
	return fmt.Errorf("%s/%d goes on at offset %d, and the auditor has seen it up to %d: records between were deleted by their retention. "+
		"Begin anew with what is there (--from-start), and come back more often than the shortest retention, or run with --follow",
		at.Topic, at.Partition, oldest, seen)
}

// beganLate is a topic whose beginning is gone, as it is printed.
type beganLate struct {
	Topic   string    `json:"topic"`
	Offsets []int64   `json:"offsets"` // by partition; 0 = all is there
	Time    time.Time `json:"time"`    // of the latest of the first records that are there, and the brokers' difference
}

// beganLate lists what is not proved because it is gone.
func (w *auditing) beganLate() []beganLate {
	var list []beganLate
	for _, t := range w.plan.Topics {
		late := beganLate{Topic: t.Name, Offsets: make([]int64, w.plan.Partitions)}
		for p := range w.plan.Partitions {
			if b, cut := w.auditor.Beginnings()[audit.Place{Topic: t.Name, Partition: p}]; cut {
				late.Offsets[p] = b.Offset
				if at := time.UnixMilli(b.TimeMs).UTC(); at.After(late.Time) {
					late.Time = at
				}
			}
		}
		if !late.Time.IsZero() {
			list = append(list, late)
		}
	}
	return list
}

// printBeginnings says from where on is proved what.
func (v verdict) printBeginnings(w io.Writer) {
	if len(v.Late) == 0 {
		return
	}
	fmt.Fprintln(w, "\nThe beginning of the log is gone, so nothing is said about it:")
	for _, b := range v.Late {
		t := topicVerdict{Through: b.Offsets, Ends: b.Offsets}
		fmt.Fprintf(w, "  %s begins at %s\n", b.Topic, t.words())
	}
	c := v.Counts
	fmt.Fprintf(w, "%d rows were taken from the changelogs without proof. Not proved: %d inputs that are older than the row that is known,\n"+
		"%d outputs and %d outcomes and %d deliveries that lead back to what is gone\n", c.Adopted,
		c.Unproved["inputs"], c.Unproved["outputs"], c.Unproved["outcomes"], c.Unproved["deliveries"])
}

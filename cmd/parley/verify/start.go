// How an auditor starts: at the beginning of the log, or, where retention has deleted that, at what is there.

package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

const (
	adoptBatch = 10_000      // rows of changelogs between two checkpoints
	clockSkew  = time.Minute // by which the clocks of two brokers may differ
)

// start makes a new auditor start with what is there. It fails when records were deleted that an earlier auditor has not read:
// whatever it said about later ones would be a guess.
func (e *engine) start(ctx context.Context) error {
	oldest, err := kafka.Starts(ctx, e.admin, e.auditor.Topics())
	if err != nil {
		return err
	}
	if e.memory.Get(startedKey) != nil {
		return e.reachable(oldest)
	}
	beginnings := map[topology.TopicPartition]audit.Beginning{}
	for _, t := range e.plan.Topics { // changelogs are compacted: their oldest offset rises, and nothing is missing
		if err := e.beginningsOf(ctx, t.Name, oldest, beginnings); err != nil {
			return err
		}
	}
	e.auditor.Begin(beginnings)
	for _, g := range e.plan.Groups {
		for p := range e.plan.Partitions {
			if _, cut := beginnings[topology.TopicPartition{Topic: g.Input, Partition: p}]; cut {
				if err := e.adopt(ctx, e.plan.Table(g.Name)); err != nil {
					return err
				}
				break
			}
		}
	}
	e.memory.Set(startedKey, nil)
	return e.save()
}

// beginningsOf notes where the partitions of a topic begin that do not begin at offset 0.
func (e *engine) beginningsOf(ctx context.Context, topic string, oldest map[topology.TopicPartition]int64, into map[topology.TopicPartition]audit.Beginning) error {
	to := map[int32]int64{}
	for p := range e.plan.Partitions {
		at := topology.TopicPartition{Topic: topic, Partition: p}
		if to[p] = oldest[at]; to[p] == 0 {
			continue
		}
		into[at] = audit.Beginning{Offset: to[p], TimeMs: time.Now().Add(clockSkew).UnixMilli()} // perhaps no record is left
		to[p]++
	}
	return wire.ReadFrom(ctx, e.settings.Cluster(), topic, nil, to, func(r *topology.Record) error {
		at := topology.TopicPartition{Topic: topic, Partition: r.Partition}
		if b, cut := into[at]; cut {
			into[at] = audit.Beginning{Offset: b.Offset, TimeMs: r.Time.Add(clockSkew).UnixMilli()}
		}
		return nil
	})
}

// adopt takes the rows of a changelog, with checkpoints in between.
func (e *engine) adopt(ctx context.Context, table string) error {
	rows := 0
	return wire.Read(ctx, e.settings.Cluster(), table, func(r *topology.Record) error {
		if wire.IsTakeover(r) {
			return nil
		}
		e.auditor.Adopt(r)
		if rows++; rows%adoptBatch == 0 {
			return e.save()
		}
		return nil
	})
}

// reachable fails when records were deleted that the auditor has not read.
func (e *engine) reachable(oldest map[topology.TopicPartition]int64) error {
	for _, t := range e.plan.Topics {
		for p := range e.plan.Partitions {
			at := topology.TopicPartition{Topic: t.Name, Partition: p}
			if position := e.auditor.Position(at); position < oldest[at] {
				return errLeftBehind(at, position, oldest[at])
			}
		}
	}
	return nil
}

func errLeftBehind(at topology.TopicPartition, read, oldest int64) error {
	return fmt.Errorf("%s/%d continues at offset %d, and the auditor has read it up to %d: retention has deleted the records between. "+
		"Begin anew with what is there (--from-start), and run more often than the shortest retention, or with --follow",
		at.Topic, at.Partition, oldest, read)
}

// lateStarts lists what is not proved because it is deleted.
func (e *engine) lateStarts() []lateStart {
	var list []lateStart
	for _, t := range e.plan.Topics {
		late := lateStart{Topic: t.Name, Offsets: make([]int64, e.plan.Partitions)}
		for p := range e.plan.Partitions {
			if b, cut := e.auditor.Beginnings()[topology.TopicPartition{Topic: t.Name, Partition: p}]; cut {
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

// Package replay reads partitions of the log again, and folds them again with the machines that processors run, for commands
// that show what was. It writes nothing and joins no consumer group.
package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Log reads the log of a cluster.
type Log struct {
	Plan    topology.Plan
	cluster wire.Cluster
	bar     *output.Bar
}

// Open prepares to read. The bar shows the progress of each read.
func Open(s settings.Settings, bar *output.Bar) *Log {
	return &Log{Plan: s.Plan(), cluster: s.Cluster(), bar: bar}
}

// ErrStop is returned by a callback to end a read early, without an error.
var ErrStop = errors.New("enough was read")

// Read gives the records of one partition from one offset to before another; -1 = its beginning, its end.
func (l *Log) Read(ctx context.Context, at topology.TopicPartition, from, to int64, each func(*topology.Record) error) error {
	spans, err := wire.Ends(ctx, l.cluster, at.Topic)
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
		begins[p] = s.End // reads nothing of the others
	}
	begins[at.Partition] = from
	err = wire.ReadFrom(ctx, l.cluster, at.Topic, begins, ends, func(r *topology.Record) error {
		if r.Partition != at.Partition {
			return nil
		}
		l.bar.Set(r.Offset-from, to-from)
		return each(r)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// Span is Read as views ask for it.
func (l *Log) Span(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error {
	return l.Read(ctx, topology.TopicPartition{Topic: topic, Partition: partition}, from, to, each)
}

// ReadAll gives the records of a topic from given offsets to its end.
func (l *Log) ReadAll(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error {
	return wire.ReadFrom(ctx, l.cluster, topic, from, nil, each)
}

// One is the record at an offset.
func (l *Log) One(ctx context.Context, at topology.TopicPartition, offset int64) (*topology.Record, error) {
	var found *topology.Record
	err := l.Read(ctx, at, offset, offset+1, func(r *topology.Record) error {
		if r.Offset == offset {
			found = r
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s/%d has no record at offset %d: it is not written yet, or retention has deleted it", at.Topic, at.Partition, offset)
	}
	return found, err
}

// Ends are the offsets of a topic's oldest records and of its end, by partition.
func (l *Log) Ends(ctx context.Context, topic string) (starts, ends map[int32]int64, err error) {
	spans, err := wire.Ends(ctx, l.cluster, topic)
	starts, ends = map[int32]int64{}, map[int32]int64{}
	for p, span := range spans {
		starts[p], ends[p] = span.Oldest, span.End
	}
	return starts, ends, err
}

// Starts are the offsets of a topic's oldest records, by partition.
func (l *Log) Starts(ctx context.Context, topic string) (map[int32]int64, error) {
	starts, _, err := l.Ends(ctx, topic)
	return starts, err
}

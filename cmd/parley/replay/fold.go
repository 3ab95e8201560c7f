// Folding one partition of a group's input again.

package replay

import (
	"bytes"
	"context"
	"fmt"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// NotRetained is the error for an input whose beginning was deleted, so that it cannot be folded again.
type NotRetained struct {
	At     topology.TopicPartition
	Oldest int64
}

func (e NotRetained) Error() string {
	return fmt.Sprintf("%s/%d begins at offset %d: retention has deleted what came before, so it cannot be folded again", e.At.Topic, e.At.Partition, e.Oldest)
}

// MachineOf is the machine whose input a topic is.
func (l *Log) MachineOf(topic string) (topology.Machine, bool) {
	for _, m := range processors.Machines(l.Plan) {
		if m.Group.Input == topic {
			return m, true
		}
	}
	return topology.Machine{}, false
}

// Fold folds the inputs of one partition below an offset (-1 = all) again, of the keys that matter, and gives each to the
// caller.
func (l *Log) Fold(ctx context.Context, m topology.Machine, partition int32, to int64, matters func(key string) bool, each func(topology.Folded) error) error {
	at := topology.TopicPartition{Topic: m.Group.Input, Partition: partition}
	spans, err := wire.Ends(ctx, l.cluster, at.Topic)
	if err != nil {
		return err
	}
	if s, ok := spans[partition]; ok && s.Oldest > 0 {
		return NotRetained{at, s.Oldest}
	}
	if m, err = Skipping(ctx, l.cluster, m); err != nil {
		return err
	}
	table := topology.Table{Machine: m, Rows: topology.MemoryRows{}}
	return l.Read(ctx, at, -1, to, func(r *topology.Record) error {
		if r.Key != topology.RulesKey && !matters(r.Key) {
			return nil
		}
		f, err := table.Fold(r)
		if err != nil {
			return err
		}
		return each(f)
	})
}

// LastRow is the newest row of a key in a group's changelog that holds at an offset of the input (-1 = its end); nil = none is
// kept.
func (l *Log) LastRow(ctx context.Context, m topology.Machine, partition int32, key string, to int64) ([]byte, error) {
	var row []byte
	at := topology.TopicPartition{Topic: l.Plan.Table(m.Group.Name), Partition: partition}
	err := l.Read(ctx, at, -1, -1, func(r *topology.Record) error {
		if r.Key == key && !wire.IsTakeover(r) && (to < 0 || Through(r.Value) <= to) && Through(r.Value) >= Through(row) {
			row = bytes.Clone(r.Value)
		}
		return nil
	})
	return row, err
}

// Through is the input offset below which a row is folded; 0 for what is no row.
func Through(row []byte) int64 {
	r := &pb.Row{}
	if r.UnmarshalVT(row) != nil {
		return 0
	}
	return r.Through
}

// Inputs at which a machine panicked are skipped for ever, also by a binary whose machines do not panic: a tool that folds
// again takes the word of the dead letters.

package main

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// skipping is a group's machine as its owners were: it skips what they skipped.
func skipping(ctx context.Context, cluster wire.Cluster, m topology.Machine) (topology.Machine, error) {
	type place struct {
		partition int32
		offset    int64
	}
	panics := map[place]string{}
	err := wire.Read(ctx, cluster, topology.DeadLetters, func(r *topology.Record) error {
		var l pb.DeadLetter
		if l.UnmarshalVT(r.Value) == nil && l.Group == m.Group.Name && l.Failing == pb.Failing_FAILING_PANIC {
			panics[place{l.Partition, l.Offset}] = l.Detail
		}
		return nil
	})
	fold := m.Fold
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		if detail, skipped := panics[place{in.Partition, in.Offset}]; skipped {
			said := *in
			said.Panic = detail
			in = &said
		}
		return fold(rules, row, in)
	}
	return m, err
}

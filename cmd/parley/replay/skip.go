// Inputs at which a machine panicked are skipped for ever, also by a binary whose machines do not panic there. A replay reads
// from the dead letters which ones they are.

package replay

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Skipping is a group's machine that skips what the group's processors skipped.
func Skipping(ctx context.Context, cluster wire.Cluster, m topology.Machine) (topology.Machine, error) {
	type input struct {
		partition int32
		offset    int64
	}
	panics := map[input]string{}
	err := wire.Read(ctx, cluster, topology.DeadLetters, func(r *topology.Record) error {
		var l pb.DeadLetter
		if l.UnmarshalVT(r.Value) == nil && l.Group == m.Group.Name && l.Failing == pb.Failing_FAILING_PANIC {
			panics[input{l.Partition, l.Offset}] = l.Detail
		}
		return nil
	})
	fold := m.Fold
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		if detail, skipped := panics[input{in.Partition, in.Offset}]; skipped {
			marked := *in
			marked.Panic = detail
			in = &marked
		}
		return fold(rules, row, in)
	}
	return m, err
}

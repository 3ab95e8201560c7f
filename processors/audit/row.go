// Rows: the last record of each key in a changelog is the row that the fold gives. Compaction may have eaten earlier ones,
// and a stale owner may have written an older one, which its successor repairs: what is older than the fold's row is passed.

package audit

import (
	"bytes"
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// rowThrough is the position of a row.
func rowThrough(r *topology.Record) (int64, bool) {
	row := &pb.Row{}
	if err := row.UnmarshalVT(r.Value); err != nil {
		return 0, false
	}
	return row.Through, true
}

// takeRow compares a row of a changelog with the fold's.
func (a *Auditor) takeRow(m *machine, r *topology.Record) {
	wrong := func(format string, args ...any) {
		a.violate(Violation{Law: Rows, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Says: fmt.Sprintf(format, args...)})
	}
	through, ok := rowThrough(r)
	known := a.memory.Get(rowKey(kindRow, m.Machine.Group.Number, r.Partition, r.Key))
	switch {
	case !ok || len(r.Value) == 0:
		wrong("it is no row; rows are never deleted")
		return
	case known == nil:
		wrong("the fold never met the key up to %d", a.positions[topology.TopicPartition{Topic: m.Machine.Group.Input, Partition: r.Partition}])
		return
	}
	mine := &pb.Row{}
	if err := mine.UnmarshalVT(known); err != nil {
		wrong("the auditor's own row is damaged: begin anew (--from-start)")
		return
	}
	if mine.Through > through {
		a.counts.Superseded++
		return
	}
	mine.Through = through // a rewritten row says that it was verified further
	want, err := mine.MarshalVT()
	if err != nil || !bytes.Equal(want, r.Value) {
		wrong("the fold's row through %d is another", through)
		return
	}
	a.counts.Rows++
	a.memory.Delete(rowKey(kindAwaited, m.Machine.Group.Number, r.Partition, r.Key))
}

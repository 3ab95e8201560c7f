// Folding a batch into a store, and the fold of views that read nothing: each record leaves one thing, or nothing.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// batch is a run of records of one partition.
type batch struct {
	span      *pb.Span
	records   []topology.Record
	fromStart bool                                      // everything since the log's beginning was folded: what is missing now is missing in the log
	gap       func(key string)                          // reports a key whose events are missing in the log
	skip      func(record *topology.Record, why string) // reports a record that cannot be folded
	cache     *cache                                    // of the partition
}

// fold writes what becomes of a batch and returns the store's checkpoint. Below the span's end the store took nothing for
// good: it lacks what comes before.
type fold func(ctx context.Context, b batch) (checkpoint int64, err error)

// event is a message of schemas, by its pointer.
type event[E any] interface {
	*E
	UnmarshalVT([]byte) error
}

// decode decodes a record, or reports why it cannot be folded.
func decode[E any, P event[E]](b *batch, record *topology.Record) P {
	decoded := P(new(E))
	if err := decoded.UnmarshalVT(record.Value); err != nil {
		b.skip(record, err.Error())
		return nil
	}
	return decoded
}

// foldEach folds records that each leave one thing, or nothing.
func foldEach[E, W any, P event[E]](
	project func(key string, event P) *W,
	put func(ctx context.Context, span *pb.Span, things []*W) (int64, error),
) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		var things []*W
		for i := range b.records {
			decoded := decode[E, P](&b, &b.records[i])
			if decoded == nil {
				continue
			}
			if thing := project(b.records[i].Key, decoded); thing != nil {
				things = append(things, thing)
			}
		}
		return put(ctx, b.span, things)
	}
}

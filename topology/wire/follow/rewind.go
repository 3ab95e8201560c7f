// Partitions that are handled again from an earlier offset, because the store that they write to has lost something.

package follow

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
)

// rewindAll takes the partitions back whose handlers asked for it.
func (f *follower) rewindAll(ctx context.Context) error {
	for {
		select {
		case r := <-f.rewinds:
			if f.partition(r.p.TopicPartition) != r.p {
				r.done <- nil // revoked meanwhile: its next owner asks Start
				continue
			}
			err := f.seek(ctx, r)
			r.done <- err
			if err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (f *follower) seek(ctx context.Context, r rewind) error {
	tp := r.p.TopicPartition
	oldest, err := f.list(ctx, f.admin.ListStartOffsets, []topology.TopicPartition{tp})
	if err != nil {
		return fmt.Errorf("go back to offset %d of %s/%d: %w", r.offset, tp.Topic, tp.Partition, err)
	}
	at := max(r.offset, oldest[tp])
	r.p.Drop()
	// The client ignores an offset that it takes for the one it has, which is the one before its last poll.
	for _, offset := range []int64{at + 1, at} {
		f.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{tp.Topic: {tp.Partition: {Epoch: -1, Offset: offset}}})
	}
	r.p.reached = at
	return nil
}

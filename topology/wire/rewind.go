// This file lets a follower begin, and go back to, where the store that it writes to stands.

package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

// rewind asks the polling goroutine, which alone fills queues, to take a partition back.
type rewind struct {
	p      *followed
	offset int64
	done   chan error
}

// started asks Start where partitions begin, for a while, and holds its answer against the log.
func (f *follower) started(ctx context.Context, names []topology.TopicPartition, oldest, newest map[topology.TopicPartition]int64) (map[topology.TopicPartition]int64, error) {
	starts, err := f.askStart(ctx, names)
	if err != nil {
		return nil, err
	}
	begins := map[topology.TopicPartition]int64{}
	for _, name := range names {
		at, ok := starts[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s was not told where %s/%d begins: Start must answer for every partition", cluster.ErrAlarm, f.cfg.Name, name.Topic, name.Partition)
		}
		if at > newest[name] {
			return nil, fmt.Errorf("%w: %s: %s stands at %d of %s/%d, which ends at %d: was the topic made anew? rebuild what %[3]s writes to",
				cluster.ErrAlarm, cluster.AlarmInput, f.cfg.Name, at, name.Topic, name.Partition, newest[name])
		}
		if at < oldest[name] {
			f.log.Warn("the log begins later than wanted", "topic", name.Topic, "partition", name.Partition, "wanted", at, "oldest", oldest[name])
			at = oldest[name]
		}
		begins[name] = at
	}
	return begins, nil
}

func (f *follower) askStart(ctx context.Context, names []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, followStartPatience)
	defer cancel()
	for pause := followRetryFirst; ; pause = min(2*pause, followRetryMost) {
		starts, err := f.cfg.Start(ctx, names)
		if err == nil {
			return starts, nil
		}
		f.log.Warn("where to begin is not known yet, trying again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask where %s begins: %w", f.cfg.Name, err)
		case <-time.After(pause):
		}
	}
}

// goBack takes the partitions back that their handlers asked for.
func (f *follower) goBack(ctx context.Context) error {
	for {
		select {
		case r := <-f.rewinds:
			if f.of(r.p.TopicPartition) != r.p {
				r.done <- nil // given up meanwhile: its next owner asks Start
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
	// The client passes over an offset that it takes for the one it has, which is the one before its last poll.
	for _, offset := range []int64{at + 1, at} {
		f.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{tp.Topic: {tp.Partition: {Epoch: -1, Offset: offset}}})
	}
	r.p.reached = at
	return nil
}

// goBack asks for a rewind and waits for it; false = the partition was given up.
func (p *followed) goBack(ctx context.Context, offset int64) bool {
	r := rewind{p, offset, make(chan error, 1)}
	select {
	case p.f.rewinds <- r:
	case <-ctx.Done():
		return false
	}
	select {
	case err := <-r.done:
		return err == nil && ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Where partitions begin, so that nothing is left to a library's reset.

package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/law"
)

const startTimeout = 30 * time.Second // for Start to know where partitions begin, retries included

// positions returns where each partition begins, and where its log ends.
func (f *follower) positions(ctx context.Context, commits map[string]map[int32]kgo.Offset) (starts, newest map[topology.TopicPartition]int64, err error) {
	var names []topology.TopicPartition
	for topic, partitions := range commits {
		for partition := range partitions {
			names = append(names, topology.TopicPartition{Topic: topic, Partition: partition})
		}
	}
	slices.SortFunc(names, topology.TopicPartition.Compare)
	if newest, err = f.list(ctx, f.admin.ListEndOffsets, names); err != nil || f.cfg.Newest {
		return newest, newest, err
	}
	oldest, err := f.list(ctx, f.admin.ListStartOffsets, names)
	if err != nil {
		return nil, nil, err
	}
	if f.cfg.Start != nil {
		starts, err = f.stored(ctx, names, oldest, newest)
		return starts, newest, err
	}
	starts = map[topology.TopicPartition]int64{}
	for _, name := range names {
		at, first, end := commits[name.Topic][name.Partition].EpochOffset().Offset, oldest[name], newest[name]
		switch {
		case at < 0:
			at = first
		case at < first || at > end:
			return nil, nil, fmt.Errorf("%w: %s: %s committed %s/%d at %d, but it holds %d to %d: rebuild the view, then commit by hand",
				cluster.ErrAlarm, law.AlarmInput, f.cfg.Name, name.Topic, name.Partition, at, first, end)
		}
		starts[name] = at
	}
	return starts, newest, nil
}

// stored asks Start where partitions begin, and compares its answer with the log.
func (f *follower) stored(ctx context.Context, names []topology.TopicPartition, oldest, newest map[topology.TopicPartition]int64) (map[topology.TopicPartition]int64, error) {
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
				cluster.ErrAlarm, law.AlarmInput, f.cfg.Name, at, name.Topic, name.Partition, newest[name])
		}
		if at < oldest[name] {
			f.cfg.Log.Warn("the log begins later than wanted", "topic", name.Topic, "partition", name.Partition, "wanted", at, "oldest", oldest[name])
			at = oldest[name]
		}
		begins[name] = at
	}
	return begins, nil
}

// askStart calls Start, and retries for a while.
func (f *follower) askStart(ctx context.Context, names []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		starts, err := f.cfg.Start(ctx, names)
		if err == nil {
			return starts, nil
		}
		f.cfg.Log.Warn("where to begin is not known yet, retrying", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask where %s begins: %w", f.cfg.Name, err)
		case <-time.After(pause):
		}
	}
}

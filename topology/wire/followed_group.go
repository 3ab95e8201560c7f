// This file is a follower's membership: which partitions come and go, where each begins, and what is committed.

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

// callbacks are what the client calls when the group gives or takes partitions.
func (f *follower) callbacks() []kgo.Opt {
	return []kgo.Opt{
		kgo.AdjustFetchOffsetsFn(f.assigned),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, fresh map[string][]int32) {
			if len(fresh) == 0 {
				f.tell(false) // there is none for us, and that is known now
			}
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { f.revoked(gone, true) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { f.revoked(gone, false) }),
	}
}

// assigned fixes where partitions begin and starts their workers. An error makes the client join once more; an alarm ends
// the follower.
func (f *follower) assigned(ctx context.Context, commits map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	starts, ends, err := f.positions(ctx, commits)
	if err == nil {
		err = ctx.Err() // they are another's already
	}
	if err != nil {
		if errors.Is(err, cluster.ErrAlarm) {
			f.mu.Lock()
			f.failure = err
			f.mu.Unlock()
		}
		if ctx.Err() == nil {
			f.log.Warn("where partitions begin could not be fixed", "error", err)
		}
		return nil, err
	}
	var fresh, again []*followed
	f.mu.Lock()
	for tp, at := range starts {
		if p := f.owned[tp]; p != nil {
			p.stop()
			again = append(again, p)
		}
		p := newFollowed(f, tp, at, ends[tp])
		f.owned[tp] = p
		fresh = append(fresh, p)
		commits[tp.Topic][tp.Partition] = kgo.NewOffset().At(at)
	}
	f.mu.Unlock()
	f.finish(again, false)
	f.tell(len(fresh) > 0)
	for _, p := range fresh {
		go p.work(f.working)
	}
	return commits, nil
}

// positions fixes where each partition begins, so that nothing is left to a library's reset.
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
		starts, err = f.started(ctx, names, oldest, newest)
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
				cluster.ErrAlarm, cluster.AlarmInput, f.cfg.Name, name.Topic, name.Partition, at, first, end)
		}
		starts[name] = at
	}
	return starts, newest, nil
}

// list asks for one end of partitions, again and again for a while: leaders move.
func (f *follower) list(ctx context.Context, ask func(context.Context, ...string) (kadm.ListedOffsets, error), names []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, cluster.QueryTimeout)
	defer cancel()
	for pause := cluster.QueryBackoff; ; pause *= 2 {
		listed, err := ask(ctx, f.cfg.Topics...)
		found := map[topology.TopicPartition]int64{}
		for _, name := range names {
			o, ok := listed.Lookup(name.Topic, name.Partition)
			if found[name] = o.Offset; !ok || o.Err != nil {
				err = errors.Join(err, fmt.Errorf("no answer for %s/%d: %w", name.Topic, name.Partition, o.Err))
			}
		}
		if err == nil {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask for offsets: %w", err)
		case <-time.After(pause):
		}
	}
}

func (f *follower) revoked(partitions map[string][]int32, commit bool) {
	var gone []*followed
	f.mu.Lock()
	for topic, numbers := range partitions {
		for _, partition := range numbers {
			name := topology.TopicPartition{Topic: topic, Partition: partition}
			if p := f.owned[name]; p != nil {
				p.stop()
				gone = append(gone, p)
				delete(f.owned, name)
				f.lag.DeleteLabelValues(topic, strconv.Itoa(int(partition)))
			}
		}
	}
	f.mu.Unlock()
	f.finish(gone, commit)
	f.tell(len(gone) > 0)
}

// finish waits for the batches in the works, a while, and commits what was handled.
func (f *follower) finish(gone []*followed, commit bool) {
	limit := time.After(followRevokeLimit)
	for _, p := range gone {
		select {
		case <-p.idle:
		case <-limit:
			f.log.Warn("a batch is still in the works and its partition goes to another, who handles it again",
				"topic", p.Topic, "partition", p.Partition)
			limit = time.After(0)
		}
		p.Drop() // a pause would outlast it
	}
	if offsets := f.handled(gone); commit && len(offsets) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), cluster.QueryTimeout)
		defer cancel()
		f.client.CommitOffsetsSync(ctx, offsets, f.committed)
	}
}

// stopAll ends every worker before the group is left.
func (f *follower) stopAll() {
	f.mu.Lock()
	var all []*followed
	for _, p := range f.owned {
		p.stop()
		all = append(all, p)
	}
	f.owned = map[topology.TopicPartition]*followed{}
	f.mu.Unlock()
	f.finish(all, true)
}

// commitHandled commits what was handled since the last time, and does not wait for it.
func (f *follower) commitHandled() {
	f.mu.Lock()
	all := make([]*followed, 0, len(f.owned))
	for _, p := range f.owned {
		all = append(all, p)
	}
	f.mu.Unlock()
	if offsets := f.handled(all); len(offsets) > 0 {
		f.client.CommitOffsets(context.Background(), offsets, f.committed) // the end of the follower waits for it
	}
}

// handled are the positions that are not committed.
func (f *follower) handled(of []*followed) map[string]map[int32]kgo.EpochOffset {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, p := range of {
		at := p.position.Load()
		if f.cfg.Newest || at < 0 || p.sent.Swap(at) == at {
			continue
		}
		if offsets[p.Topic] == nil {
			offsets[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[p.Topic][p.Partition] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	return offsets
}

// committed is told how a commit went. One that failed is made again with the next, if the partitions are still ours.
func (f *follower) committed(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
	if err == nil && answer != nil {
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				err = cmp.Or(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	if err == nil {
		return
	}
	f.log.Debug("could not commit", "error", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.owned {
		p.sent.Store(-1)
	}
}

// tell calls Owned after a change, and once in any case.
func (f *follower) tell(changed bool) {
	f.mu.Lock()
	if f.cfg.Owned == nil || !changed && f.told {
		f.mu.Unlock()
		return
	}
	f.told = true
	list := make([]topology.TopicPartition, 0, len(f.owned))
	for tp := range f.owned {
		list = append(list, tp)
	}
	f.mu.Unlock()
	slices.SortFunc(list, topology.TopicPartition.Compare)
	f.cfg.Owned(list)
}

// broken is why the follower cannot go on.
func (f *follower) broken() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failure
}

// A follower's membership in its consumer group: partitions that are assigned and revoked, and what is committed.

package follow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

const revokeTimeout = 10 * time.Second // for a batch that is being handled when its partition is revoked

// callbacks are what the client calls when the group assigns or revokes partitions.
func (f *follower) callbacks() []kgo.Opt {
	return []kgo.Opt{
		kgo.AdjustFetchOffsetsFn(f.assigned),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, fresh map[string][]int32) {
			if len(fresh) == 0 {
				f.announce(false) // there is none for us, and that is known now
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
		err = ctx.Err() // another member has them already
	}
	if err != nil {
		if errors.Is(err, cluster.ErrAlarm) {
			f.fail(err)
		}
		if ctx.Err() == nil {
			f.cfg.Log.Warn("where partitions begin could not be fixed", "error", err)
		}
		return nil, err
	}
	var fresh, again []*partition
	f.mu.Lock()
	for tp, at := range starts {
		if p := f.owned[tp]; p != nil {
			p.stop()
			again = append(again, p)
		}
		p := newPartition(f.client, tp, &f.cfg, f.metrics, f.rewinds)
		p.begin(at, ends[tp])
		f.owned[tp] = p
		fresh = append(fresh, p)
		commits[tp.Topic][tp.Partition] = kgo.NewOffset().At(at)
	}
	f.mu.Unlock()
	f.finish(again, false)
	f.announce(len(fresh) > 0)
	for _, p := range fresh {
		go p.work(f.working)
	}
	return commits, nil
}

func (f *follower) revoked(partitions map[string][]int32, commit bool) {
	var gone []*partition
	f.mu.Lock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			name := topology.TopicPartition{Topic: topic, Partition: number}
			if p := f.owned[name]; p != nil {
				p.stop()
				gone = append(gone, p)
				delete(f.owned, name)
				f.metrics.dropLag(name)
			}
		}
	}
	f.mu.Unlock()
	f.finish(gone, commit)
	f.announce(len(gone) > 0)
}

// revokeAll ends every worker before the group is left.
func (f *follower) revokeAll() {
	f.mu.Lock()
	var all []*partition
	for _, p := range f.owned {
		p.stop()
		all = append(all, p)
	}
	f.owned = map[topology.TopicPartition]*partition{}
	f.mu.Unlock()
	f.finish(all, true)
}

// announce calls Owned after a change, and once in any case.
func (f *follower) announce(changed bool) {
	f.mu.Lock()
	if f.cfg.Owned == nil || !changed && f.announced {
		f.mu.Unlock()
		return
	}
	f.announced = true
	list := make([]topology.TopicPartition, 0, len(f.owned))
	for tp := range f.owned {
		list = append(list, tp)
	}
	f.mu.Unlock()
	slices.SortFunc(list, topology.TopicPartition.Compare)
	f.cfg.Owned(list)
}

// finish waits, for a limited time, for batches that are being handled, and commits what was handled.
func (f *follower) finish(gone []*partition, commit bool) {
	limit := time.After(revokeTimeout)
	for _, p := range gone {
		select {
		case <-p.idle:
		case <-limit:
			f.cfg.Log.Warn("a batch is still being handled and its partition is revoked: the next owner handles it again",
				"topic", p.Topic, "partition", p.Partition)
			limit = time.After(0)
		}
		p.Drop() // a pause would outlast it
	}
	if offsets := f.uncommitted(gone); commit && len(offsets) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), cluster.QueryTimeout)
		defer cancel()
		f.client.CommitOffsetsSync(ctx, offsets, f.committed)
	}
}

// commit commits what was handled since the last time, and does not wait for the answer.
func (f *follower) commit() {
	f.mu.Lock()
	all := make([]*partition, 0, len(f.owned))
	for _, p := range f.owned {
		all = append(all, p)
	}
	f.mu.Unlock()
	if offsets := f.uncommitted(all); len(offsets) > 0 {
		f.client.CommitOffsets(context.Background(), offsets, f.committed) // the end of the follower waits for it
	}
}

// uncommitted are the positions that are not committed, and are from now on taken for committed.
func (f *follower) uncommitted(of []*partition) map[string]map[int32]kgo.EpochOffset {
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

// committed is called with the answer to a commit. One that failed is made again with the next, if the partitions are still
// owned.
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
	f.cfg.Log.Debug("could not commit", "error", err)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.owned {
		p.sent.Store(-1)
	}
}

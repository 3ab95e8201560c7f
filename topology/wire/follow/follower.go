// The state of a running follower, and what it asks the brokers about offsets.

package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

// maxRewinds may wait for the polling goroutine.
const maxRewinds = 64

// follower is a running follower. What stands above the lock belongs to the polling goroutine.
type follower struct {
	cfg     Config
	metrics *metrics
	client  *kgo.Client
	admin   *kadm.Client
	rewinds chan rewind
	probe   *probe    // under way, or nil
	probed  time.Time // when the last one ended

	working context.Context // of handlers; ends with Run
	ready   chan struct{}   // closed when the client exists and the topics were found: before, nothing is owned

	mu        sync.Mutex
	owned     map[topology.TopicPartition]*partition
	announced bool // Owned was called
	failure   error
}

func newFollower(working context.Context, cfg Config) *follower {
	return &follower{
		cfg: cfg, metrics: newMetrics(cfg.Metrics, cfg.Name), working: working, ready: make(chan struct{}),
		owned: map[topology.TopicPartition]*partition{}, rewinds: make(chan rewind, maxRewinds),
	}
}

// partition is one that is owned, or nil.
func (f *follower) partition(tp topology.TopicPartition) *partition {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owned[tp]
}

// fail ends the follower at the next poll.
func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failure = err
}

// failed is why the follower cannot go on, or nil.
func (f *follower) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failure
}

// list asks for the oldest or the newest offsets of partitions, and retries for a while: leaders move.
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

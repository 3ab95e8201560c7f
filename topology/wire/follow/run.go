// The life of a follower: it joins, polls and leaves.

package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/law"
)

const (
	pollInterval   = 100 * time.Millisecond // how long a poll waits for a record
	commitInterval = 500 * time.Millisecond
	lagInterval    = time.Second      // between measurements of the lag
	leaveTimeout   = 10 * time.Second // for the client to leave its group
)

// Run handles records until the context ends (nil), or until it would have to skip some (ErrAlarm).
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Cluster.Check(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	working, stop := context.WithCancel(ctx)
	defer stop()
	f := newFollower(working, cfg)
	list, err := options(cfg)
	if err != nil {
		return err
	}
	if f.client, err = kgo.NewClient(append(list, f.callbacks()...)...); err != nil {
		return fmt.Errorf("start the follower %s: %w", cfg.Name, err)
	}
	f.admin = kadm.NewClient(f.client)
	err = f.follow(working)
	stop()
	f.endProbe()
	f.revokeAll()
	if e := f.leave(); err == nil {
		err = e
	}
	return err
}

// follow polls. Nothing in it waits for a handler, so the group never takes this member for dead.
func (f *follower) follow(ctx context.Context) error {
	if err := f.findTopics(ctx); err != nil {
		return err
	}
	close(f.ready)
	lastLag, lastCommit := time.Now(), time.Now()
	for ctx.Err() == nil {
		if err := f.failed(); err != nil {
			return err
		}
		if err := f.poll(ctx); err != nil {
			return err
		}
		if err := f.watchStalls(ctx); err != nil {
			return err
		}
		if time.Since(lastCommit) >= commitInterval {
			f.commit()
			lastCommit = time.Now()
		}
		if time.Since(lastLag) >= lagInterval {
			f.measureLag()
			lastLag = time.Now()
		}
	}
	return nil
}

// findTopics fails for topics that do not exist.
func (f *follower) findTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.QueryTimeout)
	defer cancel()
	found, err := f.admin.ListTopics(ctx, f.cfg.Topics...)
	if err != nil {
		return fmt.Errorf("ask for the topics of %s: %w", f.cfg.Name, err)
	}
	for _, topic := range f.cfg.Topics {
		if d := found[topic]; d.Err != nil || len(d.Partitions) == 0 {
			return fmt.Errorf("%w: %s does not exist (%v)", cluster.ErrTopicMissing, topic, d.Err)
		}
	}
	return nil
}

// poll queues what was fetched. From its answer on no partition is assigned or revoked until everything is queued and every
// rewind is done.
func (f *follower) poll(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, pollInterval)
	fetches := f.client.PollFetches(waiting)
	cancel()
	defer f.client.AllowRebalance()
	for _, e := range fetches.Errors() {
		if err := f.fatal(ctx, e); err != nil {
			return err
		}
	}
	fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
		p := f.partition(topology.TopicPartition{Topic: fetched.Topic, Partition: fetched.Partition})
		if p != nil && len(fetched.Records) > 0 {
			p.end.Store(fetched.HighWatermark)
			p.reached = fetched.Records[len(fetched.Records)-1].Offset + 1
			p.Push(fetched.Records)
		}
	})
	return f.rewindAll(ctx)
}

// fatal returns the errors that end a follower; the client retries after the others.
func (f *follower) fatal(ctx context.Context, e kgo.FetchError) error {
	var lost *kgo.ErrDataLoss
	switch {
	case ctx.Err() != nil || errors.Is(e.Err, context.DeadlineExceeded): // nothing came
		return nil
	case errors.Is(e.Err, kgo.ErrClientClosed):
		return fmt.Errorf("follow: %w", e.Err)
	case !f.cfg.Newest && (errors.Is(e.Err, kerr.OffsetOutOfRange) || errors.As(e.Err, &lost)):
		return fmt.Errorf("%w: %s: the position of %s in %s/%d is outside its log: %v", cluster.ErrAlarm, law.AlarmInput, f.cfg.Name, e.Topic, e.Partition, e.Err)
	}
	f.cfg.Log.Warn("a fetch failed, retrying", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
	return nil
}

// measureLag compares positions with the ends of the log as of the last fetches.
func (f *follower) measureLag() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tp, p := range f.owned {
		if at := p.position.Load(); at >= 0 {
			f.metrics.setLag(tp, max(p.end.Load()-at, 0))
		}
	}
}

// leave ends the client, which leaves the group, and waits for a limited time.
func (f *follower) leave() error {
	closed := make(chan struct{})
	go func() {
		f.client.CloseAllowingRebalance()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(leaveTimeout):
		return fmt.Errorf("the group is not left after %v: it notices when the session runs out", leaveTimeout)
	}
}

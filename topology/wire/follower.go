// This file follows topics without a table: for views, which commit, and for the dispatcher, which begins at the end.

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/metric"
)

// Limits of followers.
const (
	defaultMaxBatch      = 500                    // records of a batch
	followQueueBatches   = 4                      // batches fetched ahead for each partition, and one fetch, before it is paused
	followPollInterval   = 100 * time.Millisecond // how long a poll waits for a record
	followCommitInterval = 500 * time.Millisecond // between commits
	followLagInterval    = time.Second            // between looks at the lag
	followRevokeLimit    = 10 * time.Second       // for a batch in the works when its partition goes to another
	followRetryFirst     = 50 * time.Millisecond  // after a batch that its handler could not take
	followRetryMost      = 5 * time.Second
	followLeaveLimit     = 10 * time.Second // for the consumer to leave its group
	followStartPatience  = 30 * time.Second // for Start to know where partitions begin
	followRewinds        = 64               // rewinds that wait for the polling goroutine
)

// Rewind is what Handle returns (errors.As) when the partition must be handled again from an earlier offset: what it
// writes to has lost something. What is queued is dropped; an offset below the log's oldest means the oldest.
type Rewind struct{ Offset int64 }

func (r *Rewind) Error() string { return fmt.Sprintf("handle again from offset %d", r.Offset) }

// FollowerConfig is what Follow needs. Zero means the default.
type FollowerConfig struct {
	Cluster        cluster.Config
	Plan           topology.Plan
	Name           string        // the consumer group is Plan.Consumer(Name)
	Topics         []string      // of the plan
	Newest         bool          // begin at the end and commit nothing; else at the commit, or the oldest record without one
	SessionTimeout time.Duration // without a heartbeat, until others get the partitions; 10 s
	MaxBatch       int           // records of a batch; 500
	Gather         time.Duration // how long a broker waits until many records are there; 0 = sends what is there
	Linger         time.Duration // how long a batch waits for more, for each record beyond one of the batch before it; 0 = takes what is there
	MaxLinger      time.Duration // the longest such wait
	Stall          time.Duration // without a record of a partition that holds some, until Follow ends with ErrStalled; 20 s

	// Start says where partitions begin, for followers whose position stands where they write to; commits then only show
	// the lag. Below the log's oldest offset means the oldest; above its end is cluster.ErrAlarm. May be nil.
	Start func(ctx context.Context, partitions []topology.TopicPartition) (map[topology.TopicPartition]int64, error)

	// IdleEvery is how long a partition without records waits until Handle is called with an empty batch; 0 = never.
	IdleEvery time.Duration

	// Handle takes a batch of one partition, in order. Batches of different partitions come concurrently, those of one
	// never. A *Rewind goes back; any other error means the same batch again, after a pause; nothing is skipped.
	Handle func(ctx context.Context, topic string, partition int32, batch []topology.Record) error

	// Owned is told all partitions owned, sorted, after each change and before records of new ones are handled. With
	// Newest, records produced after the call are handled; it must not block. May be nil.
	Owned func([]topology.TopicPartition)

	Log     *slog.Logger          // nil = slog.Default
	Metrics prometheus.Registerer // nil = none
}

// follower is a running follower. What stands above the lock belongs to the polling goroutine.
type follower struct {
	cfg     FollowerConfig
	log     *slog.Logger
	client  *kgo.Client
	admin   *kadm.Client
	rewinds chan rewind
	look    *stallLook // under way, or nil
	looked  time.Time  // when the last one ended

	working context.Context // of handlers; ends with Follow
	ready   chan struct{}   // closed when the client is there and the topics were seen: before, nothing is owned

	mu      sync.Mutex
	owned   map[topology.TopicPartition]*followed
	told    bool
	failure error

	lag     *prometheus.GaugeVec
	records *prometheus.CounterVec
	retries *prometheus.CounterVec
}

// Follow handles records until the context ends (nil), or until it would have to skip some (cluster.ErrAlarm).
func Follow(ctx context.Context, cfg FollowerConfig) error {
	if err := cfg.Cluster.Check(); err != nil {
		return err
	}
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = defaultMaxBatch
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = cluster.SessionTimeout
	}
	if cfg.Stall == 0 {
		cfg.Stall = defaultStall
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	f := &follower{
		cfg: cfg, log: cmp.Or(cfg.Log, slog.Default()).With("follower", cfg.Name), working: working, ready: make(chan struct{}),
		owned: map[topology.TopicPartition]*followed{}, rewinds: make(chan rewind, followRewinds),
	}
	f.measure()
	options, err := followerOptions(cfg, f.log)
	if err != nil {
		return err
	}
	if f.client, err = kgo.NewClient(append(options, f.callbacks()...)...); err != nil {
		return fmt.Errorf("start the follower %s: %w", cfg.Name, err)
	}
	f.admin = kadm.NewClient(f.client)
	err = f.follow(working)
	stop()
	f.endLook()
	f.stopAll()
	if e := f.leave(); err == nil {
		err = e
	}
	return err
}

// leave ends the client, which leaves the group, but waits only so long.
func (f *follower) leave() error {
	closed := make(chan struct{})
	go func() {
		f.client.CloseAllowingRebalance()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(followLeaveLimit):
		return fmt.Errorf("the group is not left after %v: it notices when the session runs out", followLeaveLimit)
	}
}

func (f *follower) measure() {
	labels := prometheus.Labels{"follower": f.cfg.Name}
	f.lag = metric.Register(f.cfg.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_follower_lag_records", Help: "Records between the last one handled and the end of the log.", ConstLabels: labels},
		[]string{"topic", "partition"}))
	f.records = metric.Register(f.cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_follower_records_total", Help: "Records handled.", ConstLabels: labels}, []string{"topic"}))
	f.retries = metric.Register(f.cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_follower_retries_total", Help: "Batches that their handler could not take.", ConstLabels: labels}, []string{"topic"}))
}

// follow polls. Nothing in it waits for a handler, so the group never takes us for dead.
func (f *follower) follow(ctx context.Context) error {
	if err := f.seeTopics(ctx); err != nil {
		return err
	}
	close(f.ready)
	lastLag, lastCommit := time.Now(), time.Now()
	for ctx.Err() == nil {
		if err := f.broken(); err != nil {
			return err
		}
		if err := f.poll(ctx); err != nil {
			return err
		}
		if err := f.watchStalls(ctx); err != nil {
			return err
		}
		if time.Since(lastCommit) >= followCommitInterval {
			f.commitHandled()
			lastCommit = time.Now()
		}
		if time.Since(lastLag) >= followLagInterval {
			f.measureLag()
			lastLag = time.Now()
		}
	}
	return nil
}

// seeTopics fails for topics that are not there.
func (f *follower) seeTopics(ctx context.Context) error {
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

// poll queues what came. From its answer on no partition comes or goes until everything is queued and nothing is to go back.
func (f *follower) poll(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, followPollInterval)
	fetches := f.client.PollFetches(waiting)
	cancel()
	defer f.client.AllowRebalance()
	for _, e := range fetches.Errors() {
		if err := f.trouble(ctx, e); err != nil {
			return err
		}
	}
	fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
		if p := f.of(topology.TopicPartition{Topic: fetched.Topic, Partition: fetched.Partition}); p != nil && len(fetched.Records) > 0 {
			p.end.Store(fetched.HighWatermark)
			p.reached = fetched.Records[len(fetched.Records)-1].Offset + 1
			p.Push(fetched.Records)
		}
	})
	return f.goBack(ctx)
}

// of is a partition that is owned, or nil.
func (f *follower) of(tp topology.TopicPartition) *followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.owned[tp]
}

// trouble tells what ends a follower from what the client gets over by itself.
func (f *follower) trouble(ctx context.Context, e kgo.FetchError) error {
	var lost *kgo.ErrDataLoss
	switch {
	case ctx.Err() != nil || errors.Is(e.Err, context.DeadlineExceeded): // nothing came
		return nil
	case errors.Is(e.Err, kgo.ErrClientClosed):
		return fmt.Errorf("follow: %w", e.Err)
	case !f.cfg.Newest && (errors.Is(e.Err, kerr.OffsetOutOfRange) || errors.As(e.Err, &lost)):
		return fmt.Errorf("%w: %s: the position of %s in %s/%d is outside its log: %v", cluster.ErrAlarm, cluster.AlarmInput, f.cfg.Name, e.Topic, e.Partition, e.Err)
	}
	f.log.Warn("the follower is in trouble and goes on trying", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
	return nil
}

// measureLag compares positions with the ends that the last fetches told.
func (f *follower) measureLag() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tp, p := range f.owned {
		if at := p.position.Load(); at >= 0 {
			f.lag.WithLabelValues(tp.Topic, strconv.Itoa(int(tp.Partition))).Set(float64(max(p.end.Load()-at, 0)))
		}
	}
}

// This file follows topics without a table: for views, which commit, and for the dispatcher, which begins at the end.

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
)

// Limits of followers.
const (
	defaultMaxBatch      = 500                    // records of a batch
	followQueueBatches   = 4                      // batches fetched ahead for each partition, before it is paused
	followQueueBytes     = 4 << 20                // bytes of the same
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

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// FollowerConfig is what Follow needs. Zero means the default.
type FollowerConfig struct {
	Cluster        Cluster
	Plan           topology.Plan
	Name           string        // the consumer group is Plan.Consumer(Name)
	Topics         []string      // of the plan
	Newest         bool          // begin at the end and commit nothing; else at the commit, or the oldest record without one
	SessionTimeout time.Duration // without a heartbeat, until others get the partitions; 10 s
	MaxBatch       int           // records of a batch; 500
	MaxWait        time.Duration // how long a batch waits to be full; 0 = takes what is there
	Gather         time.Duration // how long a broker waits until many records are there; 0 = sends what is there
	Stall          time.Duration // without a record of a partition that holds some, until Follow ends with ErrStalled; 20 s

	// Start says where partitions begin, for followers whose position stands where they write to; commits then only show
	// the lag. Below the log's oldest offset means the oldest; above its end is ErrAlarm. May be nil.
	Start func(ctx context.Context, partitions []TopicPartition) (map[TopicPartition]int64, error)

	// IdleEvery is how long a partition without records waits until Handle is called with an empty batch; 0 = never.
	IdleEvery time.Duration

	// Handle takes a batch of one partition, in order. Batches of different partitions come concurrently, those of one
	// never. A *Rewind goes back; any other error means the same batch again, after a pause; nothing is skipped.
	Handle func(ctx context.Context, topic string, partition int32, batch []topology.Record) error

	// Owned is told all partitions owned, sorted, after each change and before records of new ones are handled. With
	// Newest, records produced after the call are handled; it must not block. May be nil.
	Owned func([]TopicPartition)

	Log     *slog.Logger          // nil = slog.Default
	Metrics prometheus.Registerer // nil = none
}

// follower is a running follower. Its fields belong to the polling goroutine.
type follower struct {
	cfg      FollowerConfig
	log      *slog.Logger
	consumer *kafka.Consumer
	owned    map[TopicPartition]*followed
	told     bool
	failure  error
	rewinds  chan rewind
	look     *stallLook // under way, or nil
	looked   time.Time  // when the last one ended

	lag     *prometheus.GaugeVec
	records *prometheus.CounterVec
	retries *prometheus.CounterVec
}

// Follow handles records until the context ends (nil), or until it would have to skip some (ErrAlarm).
func Follow(ctx context.Context, cfg FollowerConfig) error {
	if err := cfg.Cluster.check(); err != nil {
		return err
	}
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = defaultMaxBatch
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = defaultSessionTimeout
	}
	if cfg.Stall == 0 {
		cfg.Stall = defaultStall
	}
	f := &follower{
		cfg: cfg, log: loggerOr(cfg.Log).With("follower", cfg.Name),
		owned: map[TopicPartition]*followed{}, rewinds: make(chan rewind, followRewinds),
	}
	f.measure()
	settings := followerSettings(cfg)
	var err error
	if f.consumer, err = kafka.NewConsumer(&settings); err != nil {
		return fmt.Errorf("start the follower %s: %w", cfg.Name, err)
	}
	looking, stop := context.WithCancel(ctx)
	err = f.follow(looking)
	stop()
	f.endLook()
	f.stopAll()
	if e := f.leave(); err == nil && e != nil {
		err = fmt.Errorf("leave the group: %w", e)
	}
	return err
}

// leave closes the consumer, but waits only so long: librdkafka's close does not return after some fatal errors, and a
// process that waited for it would neither work nor end.
func (f *follower) leave() error {
	closed := make(chan error, 1)
	go func() { closed <- f.consumer.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(followLeaveLimit):
		return fmt.Errorf("not left after %v: the group notices when the session runs out", followLeaveLimit)
	}
}

func (f *follower) measure() {
	labels := prometheus.Labels{"follower": f.cfg.Name}
	f.lag = register(f.cfg.Metrics, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "parley_follower_lag_records", Help: "Records between the last one handled and the end of the log.", ConstLabels: labels},
		[]string{"topic", "partition"}))
	f.records = register(f.cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_follower_records_total", Help: "Records handled.", ConstLabels: labels}, []string{"topic"}))
	f.retries = register(f.cfg.Metrics, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "parley_follower_retries_total", Help: "Batches that their handler could not take.", ConstLabels: labels}, []string{"topic"}))
}

// follow polls. Nothing in it waits for a handler, so the group never takes us for dead.
func (f *follower) follow(ctx context.Context) error {
	for _, topic := range f.cfg.Topics {
		if _, err := partitionsOf(f.consumer, topic); err != nil {
			return err
		}
	}
	rebalance := func(_ *kafka.Consumer, event kafka.Event) error { return f.rebalance(ctx, event) }
	if err := f.consumer.SubscribeTopics(f.cfg.Topics, rebalance); err != nil {
		return fmt.Errorf("follow %v: %w", f.cfg.Topics, err)
	}
	lastLag := time.Now()
	for ctx.Err() == nil && f.failure == nil {
		if err := f.take(f.consumer.Poll(int(pollInterval.Milliseconds()))); err != nil {
			return err
		}
		if err := f.goBack(); err != nil {
			return err
		}
		if err := f.watchStalls(ctx); err != nil {
			return err
		}
		if time.Since(lastLag) >= followLagInterval {
			f.measureLag()
			lastLag = time.Now()
		}
	}
	return f.failure
}

func (f *follower) take(event kafka.Event) error {
	switch e := event.(type) {
	case *kafka.Message:
		if e.TopicPartition.Error != nil {
			return f.trouble(e.TopicPartition.Error)
		}
		tp := TopicPartition{*e.TopicPartition.Topic, e.TopicPartition.Partition}
		if p := f.owned[tp]; p != nil {
			p.push(rdkafkaRecord(e))
		}
	case kafka.Error:
		return f.trouble(e)
	}
	return nil
}

// trouble tells what ends a follower from what librdkafka gets over by itself.
func (f *follower) trouble(err error) error {
	var e kafka.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code() == kafka.ErrAutoOffsetReset || e.Code() == kafka.ErrOffsetOutOfRange:
		return fmt.Errorf("%w: %s: a position of %s is outside its log: %v", ErrAlarm, alarmInput, f.cfg.Name, e)
	case e.IsFatal():
		return fmt.Errorf("follow: %w", e)
	}
	f.log.Warn("the follower is in trouble and goes on trying", "error", e)
	return nil
}

// rebalance is called by Poll. A failure ends the follower after it.
func (f *follower) rebalance(ctx context.Context, event kafka.Event) error {
	var err error
	switch e := event.(type) {
	case kafka.AssignedPartitions:
		err = f.assigned(ctx, e.Partitions)
	case kafka.RevokedPartitions:
		err = f.revoked(e.Partitions)
	}
	if err != nil && f.failure == nil && ctx.Err() == nil {
		f.failure = err
	}
	return err
}

func (f *follower) assigned(ctx context.Context, partitions []kafka.TopicPartition) error {
	started, err := f.positions(ctx, partitions)
	if err != nil {
		return err
	}
	if err := f.consumer.IncrementalAssign(started); err != nil {
		return fmt.Errorf("take partitions: %w", err)
	}
	var fresh []*followed
	for _, tp := range started {
		p := newFollowed(f, TopicPartition{*tp.Topic, tp.Partition}, int64(tp.Offset))
		f.owned[p.TopicPartition] = p
		fresh = append(fresh, p)
	}
	f.tell(len(fresh) > 0)
	for _, p := range fresh {
		go p.work(ctx)
	}
	return nil
}

// positions fixes where each partition begins, so that nothing is left to a library's reset.
func (f *follower) positions(ctx context.Context, partitions []kafka.TopicPartition) ([]kafka.TopicPartition, error) {
	names := make([]TopicPartition, len(partitions))
	for i, tp := range partitions {
		names[i] = TopicPartition{*tp.Topic, tp.Partition}
	}
	newest, err := listOffsets(ctx, f.consumer, names, kafka.LatestOffsetSpec)
	if err != nil {
		return nil, err
	}
	list := make([]kafka.TopicPartition, len(partitions))
	if f.cfg.Newest || len(partitions) == 0 {
		for i := range partitions {
			list[i] = partitions[i]
			list[i].Offset = kafka.Offset(newest[names[i]])
		}
		return list, nil
	}
	oldest, err := listOffsets(ctx, f.consumer, names, kafka.EarliestOffsetSpec)
	if err != nil {
		return nil, err
	}
	if f.cfg.Start != nil {
		return f.started(ctx, names, oldest, newest)
	}
	commits, err := f.consumer.Committed(partitions, int(askLimit.Milliseconds()))
	if err != nil {
		return nil, fmt.Errorf("ask for the commits: %w", err)
	}
	for i, tp := range commits {
		name := TopicPartition{*tp.Topic, tp.Partition}
		at, first, end := int64(tp.Offset), oldest[name], newest[name]
		switch {
		case tp.Error != nil:
			return nil, fmt.Errorf("ask for the commit of %s/%d: %w", name.Topic, name.Partition, tp.Error)
		case at < 0:
			at = first
		case at < first || at > end:
			return nil, fmt.Errorf("%w: %s: %s committed %s/%d at %d, but it holds %d to %d: rebuild the view, then commit by hand",
				ErrAlarm, alarmInput, f.cfg.Name, name.Topic, name.Partition, at, first, end)
		}
		list[i] = kafka.TopicPartition{Topic: tp.Topic, Partition: tp.Partition, Offset: kafka.Offset(at)}
	}
	return list, nil
}

func (f *follower) revoked(partitions []kafka.TopicPartition) error {
	lost := f.consumer.AssignmentLost()
	var gone []*followed
	for _, tp := range partitions {
		name := TopicPartition{*tp.Topic, tp.Partition}
		if p := f.owned[name]; p != nil {
			p.stop()
			gone = append(gone, p)
			delete(f.owned, name)
			f.lag.DeleteLabelValues(name.Topic, strconv.Itoa(int(name.Partition)))
		}
	}
	f.finish(gone, !lost)
	err := f.consumer.IncrementalUnassign(partitions)
	f.tell(len(gone) > 0)
	if err != nil && !lost {
		return fmt.Errorf("give partitions up: %w", err)
	}
	return nil
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
	}
	if f.cfg.Newest || !commit || len(gone) == 0 {
		return
	}
	// "No offset" is the answer when nothing new was stored.
	var e kafka.Error
	if _, err := f.consumer.Commit(); err != nil && !(errors.As(err, &e) && e.Code() == kafka.ErrNoOffset) {
		f.log.Warn("could not commit; the next owner handles some records again", "error", err)
	}
}

// stopAll ends every worker before the group is left.
func (f *follower) stopAll() {
	var all []*followed
	for _, p := range f.owned {
		p.stop()
		all = append(all, p)
	}
	f.finish(all, true)
	f.owned = map[TopicPartition]*followed{}
}

// tell calls Owned after a change, and once in any case.
func (f *follower) tell(changed bool) {
	if f.cfg.Owned == nil || !changed && f.told {
		return
	}
	f.told = true
	list := make([]TopicPartition, 0, len(f.owned))
	for tp := range f.owned {
		list = append(list, tp)
	}
	slices.SortFunc(list, func(a, b TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	f.cfg.Owned(list)
}

// measureLag compares positions with the ends that the last fetches told.
func (f *follower) measureLag() {
	for tp, p := range f.owned {
		_, end, err := f.consumer.GetWatermarkOffsets(tp.Topic, tp.Partition)
		if at := p.position.Load(); err == nil && end >= 0 && at >= 0 {
			f.lag.WithLabelValues(tp.Topic, strconv.Itoa(int(tp.Partition))).Set(float64(max(end-at, 0)))
		}
	}
}

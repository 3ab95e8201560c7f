// The engine feeds the auditor: it follows every topic, holds back records that are ahead of what leads to them, and writes
// checkpoints.

package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

const (
	auditName       = "audit"
	checkpointEvery = time.Second
	aheadPause      = 20 * time.Millisecond // of a topic that is ahead of others
	stallTimeout    = 2 * time.Second       // without any record, until one that is ahead is taken all the same
	rowTimeout      = 20 * time.Second      // the same for a row that is ahead of its input: taken so, it counts as a violation
	maxBatch        = 500                   // records of a partition at once
)

// engine is an auditor with its memory and its log. Partitions are followed concurrently; the auditor is locked.
type engine struct {
	settings settings.Settings
	plan     topology.Plan
	log      *slog.Logger
	metrics  prometheus.Registerer // nil = none
	admin    *kadm.Client

	mu      sync.Mutex
	memory  *memory
	auditor *audit.Auditor
	moved   time.Time // when the last record was taken
	failed  error     // the auditor cannot continue; what it knows since its last checkpoint is worth nothing
	ends    map[topology.TopicPartition]int64
	until   time.Time // everything written before is verified, or reported
	sampler *sampler
	samples samples
}

// newEngine opens the auditor's folder, takes the place of the only auditor and starts the auditor.
func newEngine(ctx context.Context, s settings.Settings, log *slog.Logger, o Options, report func(audit.Violation)) (*engine, error) {
	admin, err := kafka.Admin(s)
	if err != nil {
		return nil, err
	}
	e := &engine{settings: s, plan: s.Plan(), log: log, admin: admin, moved: time.Now(), ends: map[topology.TopicPartition]int64{}}
	if err := e.open(ctx, o, report); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *engine) open(ctx context.Context, o Options, report func(audit.Violation)) error {
	if err := alone(ctx, e.admin, e.plan.Consumer(auditName)); err != nil {
		return err
	}
	id, err := identity(ctx, e.admin, e.plan)
	if err != nil {
		return err
	}
	if e.memory, err = openMemory(o.State, id, o.FromStart); err != nil {
		return err
	}
	e.sampler = newSampler(e.plan, e.memory, o.Seed)
	if e.auditor, err = audit.New(e.plan, processors.Machines(e.plan), e.memory, report); err != nil {
		return err
	}
	return e.start(ctx)
}

func (e *engine) close() error {
	e.admin.Close()
	if e.memory == nil {
		return nil
	}
	return e.memory.close()
}

// follow takes records until the context ends.
func (e *engine) follow(ctx context.Context) error {
	return wire.Follow(ctx, wire.FollowerConfig{
		Cluster: e.settings.Cluster(), Plan: e.plan, Name: auditName, Topics: e.auditor.Topics(), MaxBatch: maxBatch,
		Log: e.log, Metrics: e.metrics,
		Handle: func(ctx context.Context, _ string, _ int32, batch []topology.Record) error {
			for i := range batch {
				if err := e.take(ctx, &batch[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Start: func(_ context.Context, partitions []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			from := map[topology.TopicPartition]int64{}
			for _, tp := range partitions {
				from[tp] = e.auditor.Position(tp)
			}
			return from, nil
		},
	})
}

// take gives a record to the auditor. It waits while the record is ahead of what leads to it, unless nothing moves at all.
func (e *engine) take(ctx context.Context, r *topology.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, isTopic := e.plan.Topic(r.Topic) // else a changelog
	timeout, since := stallTimeout, time.Now()
	if !isTopic {
		timeout = rowTimeout
	}
	for e.auditor.Ahead(r) && time.Since(later(e.moved, since)) < timeout {
		e.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(aheadPause):
		}
		e.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if e.failed != nil {
		return e.failed
	}
	e.moved = time.Now()
	at := topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	switch position := e.auditor.Position(at); {
	case wire.IsTakeover(r):
		e.auditor.Skip(at, r.Offset+1)
	case isTopic && r.Offset > position: // changelogs are compacted
		e.failed = errLeftBehind(at, position, r.Offset)
	default:
		e.sampler.note(r)
		e.failed = e.auditor.Take(r)
	}
	e.failed = errors.Join(e.failed, e.memory.err)
	return e.failed
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// broken is why the auditor cannot continue.
func (e *engine) broken() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// save writes a checkpoint.
func (e *engine) save() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return e.failed
	}
	if err := e.auditor.Flush(); err != nil {
		return err
	}
	return e.memory.checkpoint()
}

// keepSaving writes checkpoints until the context ends, and a last one then.
func (e *engine) keepSaving(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return e.save()
		case <-time.After(checkpointEvery):
		}
		if err := e.save(); err != nil {
			return err
		}
	}
}

// settle asks how far processors and the log are, waits until everything up to there is read, and lets the auditor decide what
// can no longer come.
func (e *engine) settle(ctx context.Context, timeout time.Duration, progress func(read, total int64)) error {
	asked := time.Now().UTC()
	h, ends, err := horizon(ctx, e.admin, e.plan, e.auditor.Topics())
	if err != nil {
		return err
	}
	for total := int64(0); ; {
		left, err := e.reach(asked, h, ends, timeout)
		if err != nil {
			return err
		}
		total = max(total, left)
		progress(total-left, total)
		if left == 0 {
			return e.save()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(aheadPause):
		}
	}
}

// reach settles when everything up to the ends is read, and returns how many records are left until then.
func (e *engine) reach(asked time.Time, h audit.Horizon, ends map[topology.TopicPartition]int64, timeout time.Duration) (left int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return 0, e.failed
	}
	e.ends = ends
	behind := topology.TopicPartition{}
	for at, end := range ends {
		if d := end - e.auditor.Position(at); d > 0 {
			left, behind = left+d, at
		}
	}
	if quiet := time.Since(e.moved); left > 0 && timeout > 0 && quiet > timeout {
		return left, fmt.Errorf("no record came for %s, and %d are left, some of them in %s/%d: check Kafka with parley doctor",
			quiet.Round(time.Second), left, behind.Topic, behind.Partition)
	}
	if left == 0 {
		e.auditor.Check(h)
		if e.verifiedTo(ends) {
			e.until = asked
		}
	}
	return left, nil
}

// verifiedTo reports whether every topic is verified up to its end: a record that was read before its input is not yet.
func (e *engine) verifiedTo(ends map[topology.TopicPartition]int64) bool {
	through := e.auditor.Verified()
	return !slices.ContainsFunc(e.plan.Topics, func(t topology.Topic) bool {
		for p := range e.plan.Partitions {
			if at := (topology.TopicPartition{Topic: t.Name, Partition: p}); through[at] < ends[at] {
				return true
			}
		}
		return false
	})
}

// verdict is what the auditor found so far.
func (e *engine) verdict(took time.Duration) verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.samples
	v := verdict{Counts: e.auditor.Counts(), Until: e.until, Late: e.lateStarts(), Views: &seen, Took: took.Round(time.Millisecond).String()}
	v.Clean = v.Counts.Total() == 0 && seen.Differences == 0
	through := e.auditor.Verified()
	for _, name := range e.auditor.Topics() {
		t := topicVerdict{Topic: name}
		for p := range e.plan.Partitions {
			at := topology.TopicPartition{Topic: name, Partition: p}
			t.Through, t.Ends = append(t.Through, through[at]), append(t.Ends, e.ends[at])
		}
		v.Topics = append(v.Topics, t)
	}
	if oldest := e.auditor.OldestPending(); oldest > 0 {
		since := time.UnixMilli(oldest).UTC()
		v.Pending = &pendingSince{since, time.Since(since).Round(time.Second).String()}
	}
	return v
}

// The auditor at work: it follows every topic, and waits with the one that is ahead of what leads to it.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Limits of auditing.
const (
	auditName       = "audit"
	checkpointEvery = time.Second
	judgeEvery      = 5 * time.Second
	aheadPause      = 20 * time.Millisecond // of a topic that is ahead of others
	stallPatience   = 2 * time.Second       // without any record, until one that is ahead is taken all the same
	rowPatience     = 20 * time.Second      // the same for a row that is ahead of its input: taken so, it is told as wrong
	endPatience     = 30 * time.Second      // without any record, until the end of the log is given up
	auditBatch      = 500                   // records of a partition at once
)

// auditing is an auditor with its memory and its log. Partitions are followed concurrently; the auditor is locked.
type auditing struct {
	s       Settings
	plan    topology.Plan
	log     *slog.Logger
	metrics prometheus.Registerer // nil = none
	watch   *watch

	mu      sync.Mutex
	memory  *auditMemory
	auditor *audit.Auditor
	moved   time.Time // of the last record taken
	failed  error     // the auditor cannot go on; what it knows since its last checkpoint is worth nothing
	ends    map[audit.Place]int64
	until   time.Time // everything that was written before stands as the fold says, or was told
	sampler *sampler
	viewed  viewed
}

func newAuditing(ctx context.Context, s Settings, log *slog.Logger, o verifyOptions, tell func(audit.Violation)) (*auditing, error) {
	watch, err := s.watch(ctx)
	if err != nil {
		return nil, err
	}
	w := &auditing{s: s, plan: s.plan(), log: log, watch: watch, moved: time.Now(), ends: map[audit.Place]int64{}}
	if err := watch.alone(ctx, w.plan.Consumer(auditName)); err != nil {
		return nil, errors.Join(err, watch.close())
	}
	identity, err := watch.identity(ctx, w.plan)
	if err == nil {
		w.memory, err = openAuditMemory(o.state, identity, o.fromStart)
	}
	if err != nil {
		return nil, errors.Join(err, watch.close())
	}
	w.sampler = newSampler(w.plan, w.memory, o.seed)
	if w.auditor, err = audit.New(w.plan, processors.Machines(w.plan), w.memory, tell); err == nil {
		err = w.begin(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *auditing) close() error { return errors.Join(w.watch.close(), w.memory.close()) }

// follow takes records until the context ends.
func (w *auditing) follow(ctx context.Context) error {
	return wire.Follow(ctx, wire.FollowerConfig{
		Cluster: w.s.cluster(), Plan: w.plan, Name: auditName, Topics: w.auditor.Topics(), MaxBatch: auditBatch,
		Log: w.log, Metrics: w.metrics, Handle: w.handle,
		Start: func(_ context.Context, partitions []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			from := map[topology.TopicPartition]int64{}
			for _, tp := range partitions {
				from[tp] = w.auditor.Position(audit.Place(tp))
			}
			return from, nil
		},
	})
}

func (w *auditing) handle(ctx context.Context, _ string, _ int32, batch []topology.Record) error {
	for i := range batch {
		if err := w.take(ctx, &batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// take waits while the record is ahead of what leads to it. When nothing moves at all, it is taken nevertheless.
func (w *auditing) take(ctx context.Context, r *topology.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, isTopic := w.plan.Topic(r.Topic) // else a changelog
	patience, since := stallPatience, time.Now()
	if !isTopic {
		patience = rowPatience
	}
	for w.auditor.Ahead(r) && time.Since(later(w.moved, since)) < patience {
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(aheadPause):
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if w.failed != nil {
		return w.failed
	}
	w.moved = time.Now()
	at := audit.Place{Topic: r.Topic, Partition: r.Partition}
	switch position := w.auditor.Position(at); {
	case wire.IsTakeover(r):
		w.auditor.Skip(at, r.Offset+1)
	case isTopic && r.Offset > position: // changelogs are compacted
		w.failed = errLeftBehind(at, position, r.Offset)
	default:
		w.sampler.note(r)
		w.failed = w.auditor.Take(r)
	}
	w.failed = errors.Join(w.failed, w.memory.err)
	return w.failed
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// broken is why the auditor cannot go on.
func (w *auditing) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// save makes a checkpoint.
func (w *auditing) save() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	if err := w.auditor.Flush(); err != nil {
		return err
	}
	return w.memory.checkpoint()
}

// keepSaving makes checkpoints until the context ends, and a last one then.
func (w *auditing) keepSaving(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return w.save()
		case <-time.After(checkpointEvery):
		}
		if err := w.save(); err != nil {
			return err
		}
	}
}

// judge asks what is done and where the log ends, waits until everything is read up to there, and lets the auditor judge.
func (w *auditing) judge(ctx context.Context, patience time.Duration, progress func(read, of int64)) error {
	asked := time.Now().UTC()
	horizon, ends, err := w.watch.horizon(ctx, w.plan, w.auditor.Topics())
	if err != nil {
		return err
	}
	for begun := int64(0); ; {
		left, err := w.reach(asked, horizon, ends, patience)
		if err != nil {
			return err
		}
		begun = max(begun, left)
		progress(begun-left, begun)
		if left == 0 {
			return w.save()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(aheadPause):
		}
	}
}

// reach judges when everything is read up to the ends, and answers how many records are left until then.
func (w *auditing) reach(asked time.Time, horizon audit.Horizon, ends map[audit.Place]int64, patience time.Duration) (left int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return 0, w.failed
	}
	w.ends = ends
	behind := audit.Place{}
	for at, end := range ends {
		if d := end - w.auditor.Position(at); d > 0 {
			left, behind = left+d, at
		}
	}
	if quiet := time.Since(w.moved); left > 0 && patience > 0 && quiet > patience {
		return left, fmt.Errorf("no record came for %s, and %d are left, of %s/%d among others: is Kafka well? parley doctor",
			quiet.Round(time.Second), left, behind.Topic, behind.Partition)
	}
	if left == 0 {
		w.auditor.Check(horizon)
		through := w.auditor.Verified()
		if !slices.ContainsFunc(w.plan.Topics, func(t topology.Topic) bool { // what was seen before its input is not verified yet
			for p := range w.plan.Partitions {
				if at := (audit.Place{Topic: t.Name, Partition: p}); through[at] < ends[at] {
					return true
				}
			}
			return false
		}) {
			w.until = asked
		}
	}
	return left, nil
}

// verifyOnce verifies up to the end that the log has now.
func verifyOnce(ctx context.Context, s Settings, log *slog.Logger, out io.Writer, o verifyOptions) (err error) {
	began := time.Now()
	w, err := newAuditing(ctx, s, log, o, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	bar := newBar("verify")
	working, stop := context.WithCancel(ctx)
	defer stop()
	g, working := errgroup.WithContext(working)
	g.Go(func() error { return w.follow(working) })
	g.Go(func() error { return w.keepSaving(working) })
	g.Go(func() error {
		defer stop()
		return w.judge(working, endPatience, bar.set)
	})
	failed := g.Wait()
	bar.done()
	if failed != nil {
		return failed
	}
	v := w.verdict(time.Since(began))
	if err := render(out, o.output, v, v.print); err != nil {
		return err
	}
	return violated(v.Counts.Total())
}

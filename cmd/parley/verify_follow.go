// parley verify --follow: the auditor goes on with what comes, shows through where everything is verified, samples the views,
// and alarms by lines, metrics and its exit code.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/views/prove"
)

// viewed counts samples of views. Stores may be repaired, so nothing of it is remembered when the auditor ends.
type viewed struct {
	Samples     int64    `json:"samples"`
	Differences int64    `json:"differences"`
	NotSampled  []string `json:"not_sampled,omitempty"` // what could not be looked at, and why
}

// following is an auditor that follows.
type following struct {
	*auditing
	o    verifyOptions
	stop func() // ends it

	printing sync.Mutex
	out      io.Writer
	shown    map[string][]int64 // by topic: through where the last progress was
}

// verifyFollow verifies until it is stopped.
func verifyFollow(ctx context.Context, s Settings, log *slog.Logger, out io.Writer, o verifyOptions) (err error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := &following{o: o, out: out, stop: stop, shown: map[string][]int64{}}
	f.auditing, err = newAuditing(ctx, s, log, o, func(v audit.Violation) { f.alarm(v, v) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.run(ctx); err != nil {
		return err
	}
	v := f.verdict(time.Since(began))
	f.printing.Lock()
	defer f.printing.Unlock()
	if o.output == "json" {
		err = json.NewEncoder(out).Encode(v)
	} else {
		err = v.print(out)
	}
	return errors.Join(err, violated(v.Counts.Total()+f.viewed.Differences))
}

// run works until the context ends.
func (f *following) run(ctx context.Context) error {
	registry, ready := newRegistry(), newReadiness(auditName)
	f.metrics = registry
	shown := newAuditMetrics(registry)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return serveAdmin(working, f.s, ready, registry) })
	g.Go(func() error { return f.follow(working) })
	g.Go(func() error { return f.keepSaving(working) })
	g.Go(func() error { return f.keepJudging(working, shown, ready) })
	g.Go(func() error { return f.keepShowing(working) })
	if f.o.sampleEvery > 0 {
		live, notSampled, err := f.s.liveStores(ctx)
		if err != nil {
			notSampled = append(notSampled, err.Error())
		}
		defer live.Close()
		f.viewed.NotSampled = notSampled
		warnUnsampled(f.log, notSampled)
		s := f.sampling(live, f.o.sampleEvery, registry, func(d prove.Difference) { f.alarm(d, d) })
		g.Go(func() error { return s.run(working) })
	}
	return g.Wait()
}

// keepJudging judges again and again.
func (f *following) keepJudging(ctx context.Context, shown *auditMetrics, ready *readiness) error {
	for ctx.Err() == nil {
		err := f.judge(ctx, 0, func(int64, int64) { shown.show(f.auditing) })
		if broken := f.broken(); broken != nil {
			return broken
		}
		if err != nil && ctx.Err() == nil {
			f.log.Warn("what is done could not be asked for, trying again", "error", err)
		}
		shown.show(f.auditing)
		ready.set(auditName, err == nil)
		select {
		case <-ctx.Done():
		case <-time.After(judgeEvery):
		}
	}
	return nil
}

// alarm prints one line, and ends everything when that was asked for.
func (f *following) alarm(v any, words fmt.Stringer) {
	f.printing.Lock()
	defer f.printing.Unlock()
	if f.o.output == "json" {
		_ = json.NewEncoder(f.out).Encode(v)
	} else {
		fmt.Fprintf(f.out, "%s VIOLATED %s\n", time.Now().UTC().Format(time.RFC3339), words)
	}
	if f.o.failFast {
		f.stop()
	}
}

// keepShowing prints now and then through where everything is verified.
func (f *following) keepShowing(ctx context.Context) error {
	if f.o.every <= 0 {
		return nil
	}
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.o.every):
		}
		v := f.verdict(time.Since(began))
		f.printing.Lock()
		err := f.progress(v)
		f.printing.Unlock()
		if err != nil {
			return fmt.Errorf("nobody reads what is verified: %w", err)
		}
	}
}

// progress prints a line for everything, and one for each topic that moved.
func (f *following) progress(v verdict) error {
	if f.o.output == "json" {
		return json.NewEncoder(f.out).Encode(v)
	}
	until := "nothing is verified to its end yet"
	if !v.Until.IsZero() {
		until = "verified until " + v.Until.Format(time.RFC3339)
	}
	fmt.Fprintf(f.out, "%s %s: %d records, %d violations; %d samples of views, %d differences\n", time.Now().UTC().Format(time.RFC3339),
		until, v.Counts.Records, v.Counts.Total(), v.Views.Samples, v.Views.Differences)
	var err error
	for _, t := range v.Topics {
		if !slices.Equal(f.shown[t.Topic], t.Through) {
			f.shown[t.Topic] = t.Through
			_, err = fmt.Fprintf(f.out, "  %-28s through %s\n", t.Topic, t.words())
		}
	}
	return err
}

// parley verify --follow: the auditor keeps running, reports how far everything is verified, samples the views, and reports
// violations as lines, metrics and its exit code.

package verify

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

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/stores"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/views/prove"
)

const settleEvery = 5 * time.Second

// follower is an auditor that keeps running.
type follower struct {
	*engine
	o    Options
	stop func() // ends it

	printing sync.Mutex
	out      io.Writer
	shown    map[string][]int64 // by topic: the offsets of the last progress
}

// follow verifies until it is stopped.
func follow(ctx context.Context, s settings.Settings, log *slog.Logger, out io.Writer, o Options) (err error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := &follower{o: o, out: out, stop: stop, shown: map[string][]int64{}}
	f.engine, err = newEngine(ctx, s, log, o, func(v audit.Violation) { f.alarm(v, v) })
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
	if o.Output == output.JSON {
		err = json.NewEncoder(out).Encode(v)
	} else {
		err = v.print(out)
	}
	return errors.Join(err, violated(v.Counts.Total()+f.samples.Differences))
}

// run works until the context ends.
func (f *follower) run(ctx context.Context) error {
	registry, ready := endpoint.NewRegistry(), endpoint.NewReadiness(auditName)
	f.metrics = registry
	metrics := newAuditMetrics(registry)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return endpoint.ServeAdmin(working, f.settings, ready, registry) })
	g.Go(func() error { return f.engine.follow(working) })
	g.Go(func() error { return f.keepSaving(working) })
	g.Go(func() error { return f.keepSettling(working, metrics, ready) })
	g.Go(func() error { return f.keepShowing(working) })
	if f.o.SampleEvery > 0 {
		live, notSampled, err := stores.Live(ctx, f.settings)
		if err != nil {
			notSampled = append(notSampled, err.Error())
		}
		defer live.Close()
		f.samples.NotSampled = notSampled
		for _, why := range notSampled {
			f.log.Warn("not sampled: " + why)
		}
		c := newComparer(f.engine, live, registry, func(d prove.Difference) { f.alarm(d, d) })
		g.Go(func() error { return c.run(working, f.o.SampleEvery) })
	}
	return g.Wait()
}

// keepSettling settles again and again.
func (f *follower) keepSettling(ctx context.Context, metrics *auditMetrics, ready *endpoint.Readiness) error {
	for ctx.Err() == nil {
		err := f.settle(ctx, 0, func(int64, int64) { metrics.update(f.engine) })
		if broken := f.broken(); broken != nil {
			return broken
		}
		if err != nil && ctx.Err() == nil {
			f.log.Warn("the brokers did not say how far processors and topics are, trying again", "error", err)
		}
		metrics.update(f.engine)
		ready.Set(auditName, err == nil)
		select {
		case <-ctx.Done():
		case <-time.After(settleEvery):
		}
	}
	return nil
}

// alarm prints one line, and ends everything when the options ask for that.
func (f *follower) alarm(v any, text fmt.Stringer) {
	f.printing.Lock()
	defer f.printing.Unlock()
	if f.o.Output == output.JSON {
		_ = json.NewEncoder(f.out).Encode(v)
	} else {
		fmt.Fprintf(f.out, "%s VIOLATED %s\n", time.Now().UTC().Format(time.RFC3339), text)
	}
	if f.o.FailFast {
		f.stop()
	}
}

// keepShowing prints progress at intervals.
func (f *follower) keepShowing(ctx context.Context) error {
	if f.o.Every <= 0 {
		return nil
	}
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.o.Every):
		}
		v := f.verdict(time.Since(began))
		f.printing.Lock()
		err := f.progress(v)
		f.printing.Unlock()
		if err != nil {
			return fmt.Errorf("print the progress: %w", err)
		}
	}
}

// progress prints a line for everything, and one for each topic that moved.
func (f *follower) progress(v verdict) error {
	if f.o.Output == output.JSON {
		return json.NewEncoder(f.out).Encode(v)
	}
	until := "no topic is verified to its end yet"
	if !v.Until.IsZero() {
		until = "verified until " + v.Until.Format(time.RFC3339)
	}
	fmt.Fprintf(f.out, "%s %s: %d records, %d violations; %d samples of views, %d differences\n", time.Now().UTC().Format(time.RFC3339),
		until, v.Counts.Records, v.Counts.Total(), v.Views.Samples, v.Views.Differences)
	var err error
	for _, t := range v.Topics {
		if !slices.Equal(f.shown[t.Topic], t.Through) {
			f.shown[t.Topic] = t.Through
			_, err = fmt.Fprintf(f.out, "  %-28s through %s\n", t.Topic, offsetsText(t.Through, t.Ends))
		}
	}
	return err
}

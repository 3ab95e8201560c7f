// Comparing one sampled user or conversation after the other with what the stores hold.

package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/stores"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
)

const sampleTimeout = 15 * time.Second

// comparer compares one unit after the other.
type comparer struct {
	*engine
	live        views.Stores
	report      func(prove.Difference)
	compared    *prometheus.CounterVec
	differences *prometheus.CounterVec
	failures    prometheus.Counter
}

func newComparer(e *engine, live views.Stores, r prometheus.Registerer, report func(prove.Difference)) *comparer {
	c := &comparer{engine: e, live: live, report: report,
		compared: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_view_samples_total",
			Help: "Users and conversations of a live view that were compared with the log."}, []string{"view"}),
		differences: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_view_differences_total",
			Help: "Keys among them that differed from the log. Should stay 0."}, []string{"view"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_audit_view_sample_failures_total",
			Help: "Samples that could not be taken."}),
	}
	r.MustRegister(c.compared, c.differences, c.failures)
	for _, v := range e.plan.Views {
		c.compared.WithLabelValues(v.Name)
		c.differences.WithLabelValues(v.Name)
	}
	return c
}

// run samples at intervals until the context ends.
func (c *comparer) run(ctx context.Context, every time.Duration) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
		c.mu.Lock()
		unit, some := c.sampler.pick()
		c.mu.Unlock()
		if !some {
			continue
		}
		if err := c.compare(ctx, unit); err != nil && ctx.Err() == nil {
			c.failures.Inc()
			c.log.Warn("a sample of a view could not be taken", "view", unit.View, "unit", unit.Name, "error", err)
		}
	}
}

// compare compares one unit.
func (c *comparer) compare(ctx context.Context, unit prove.Unit) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	fresh, remove, err := stores.Fresh(ctx, c.plan)
	if err != nil {
		return err
	}
	defer remove()
	found, err := prove.Sample(ctx, prove.SampleConfig{Plan: c.plan, Live: c.live, Fresh: fresh, Records: c.known}, unit)
	if errors.Is(err, prove.ErrNotSampled) {
		return nil
	}
	if err != nil {
		return err
	}
	c.compared.WithLabelValues(unit.View).Inc()
	c.mu.Lock()
	c.samples.Samples++
	c.samples.Differences += int64(len(found))
	c.mu.Unlock()
	for _, d := range found {
		c.differences.WithLabelValues(d.View).Inc()
		c.report(d)
	}
	return nil
}

// known are the records of a unit below an offset. It waits until the auditor has read up to it.
func (c *comparer) known(ctx context.Context, unit prove.Unit, below int64) ([]topology.Record, error) {
	view, _ := c.plan.View(unit.View)
	at := topology.TopicPartition{Topic: view.Input[0], Partition: unit.Partition}
	if below < 0 {
		ends, err := kafka.Ends(ctx, c.admin, view.Input)
		if err != nil {
			return nil, err
		}
		below = ends[at]
	}
	for {
		c.mu.Lock()
		if c.auditor.Position(at) >= below {
			defer c.mu.Unlock()
			if c.sampler.units[unit] <= 0 {
				return nil, prove.ErrNotSampled // it was dropped meanwhile
			}
			return c.sampler.of(unit, below), c.memory.err
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the auditor is behind the view at %s/%d@%d: %w", at.Topic, at.Partition, below, ctx.Err())
		case <-time.After(aheadPause):
		}
	}
}

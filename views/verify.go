// Comparison of the views with the log: each view is folded anew into fresh stores, by the projections that run, up to the
// place that the live store has, and every key must be equal. Nothing is repaired.

package views

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/redis"
)

// VerifyConfig says what to compare with what.
type VerifyConfig struct {
	Plan  topology.Plan
	Live  Stores // a kind of store that is nil is not compared
	Fresh Stores // empty ones; they belong to the comparison
	Log   *slog.Logger
	// Read gives the records of a partition from one offset to before another.
	Read func(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error
}

// VerifyReport is what a comparison found.
type VerifyReport struct {
	Keys        map[string]int         `json:"keys_compared"` // by view
	Through     map[string][]int64     `json:"through"`       // by view and partition: the place up to which was compared
	Differences []Difference           `json:"differences"`
	Total       int                    `json:"total_differences"`
	names       map[string]*comparison // by view
}

// Difference is a key that is not what the log says.
type Difference struct {
	View  string `json:"view"`
	Key   string `json:"key"`
	Place int64  `json:"place"` // of the view in the key's partition
	Says  string `json:"says"`
}

func (d Difference) String() string {
	return fmt.Sprintf("view %s, key %s, through offset %d: %s", d.View, d.Key, d.Place, d.Says)
}

// maxDifferences are told word for word; all are counted.
const maxDifferences = 100

// comparison is one view folded anew.
type comparison struct {
	*runner
	config VerifyConfig
	report *VerifyReport
	at     []int64 // by partition: the fresh store holds everything below
}

// Verify compares. Views go on working meanwhile.
func Verify(ctx context.Context, config VerifyConfig) (*VerifyReport, error) {
	report := &VerifyReport{Keys: map[string]int{}, Through: map[string][]int64{}, names: map[string]*comparison{}}
	for _, view := range config.Plan.Views {
		if view.Store == "redis" && config.Live.Lists == nil || view.Store != "redis" && config.Live.Documents == nil {
			continue
		}
		r, err := newRunner(Config{Plan: config.Plan, View: view.Name, Stores: config.Fresh, Log: config.Log}, view)
		if err != nil {
			return nil, err
		}
		c := &comparison{runner: r, config: config, report: report, at: make([]int64, config.Plan.Partitions)}
		report.names[view.Name], report.Through[view.Name], report.Keys[view.Name] = c, c.at, 0
		for partition := range config.Plan.Partitions {
			if _, err := r.start(ctx, partition); err != nil {
				return nil, err
			}
			if err := c.follow(ctx, partition); err != nil {
				return nil, err
			}
		}
	}
	if config.Live.Lists != nil {
		if err := report.compareLists(ctx, config); err != nil {
			return nil, err
		}
	}
	if config.Live.Documents != nil {
		return report, report.compareDocuments(ctx)
	}
	return report, nil
}

// live is the place of the view in the store that is compared.
func (c *comparison) live(ctx context.Context, partition int32) (int64, error) {
	if c.view.Store == "redis" {
		return c.config.Live.Lists.Place(ctx, c.name, partition)
	}
	return c.config.Live.Documents.Place(ctx, c.name, partition)
}

// follow folds a partition to where the live view is now.
func (c *comparison) follow(ctx context.Context, partition int32) error {
	place, err := c.live(ctx, partition)
	if err != nil {
		return fmt.Errorf("ask for the place of view %s: %w", c.view.Name, err)
	}
	return c.foldTo(ctx, partition, place)
}

// foldTo folds a partition up to an offset. Of one that is behind nothing happens.
func (c *comparison) foldTo(ctx context.Context, partition int32, to int64) error {
	if to <= c.at[partition] {
		return nil
	}
	var batch []topology.Record
	fold := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := c.handle(ctx, partition, batch)
		batch = nil
		return err
	}
	err := c.config.Read(ctx, c.view.Input[0], partition, c.at[partition], to, func(r *topology.Record) error {
		if batch = append(batch, *r); len(batch) < batchRecords {
			return nil
		}
		return fold()
	})
	if err = errors.Join(err, fold()); err != nil {
		return fmt.Errorf("fold view %s anew: %w", c.view.Name, err)
	}
	c.at[partition] = to
	return nil
}

func (r *VerifyReport) differ(view, key string, place int64, format string, args ...any) {
	r.Total++
	if len(r.Differences) < maxDifferences {
		r.Differences = append(r.Differences, Difference{view, key, place, fmt.Sprintf(format, args...)})
	}
}

// dumped is a Redis that can be compared.
type dumped interface {
	Keys(ctx context.Context, each func(redis.Key) error) error
	Dump(ctx context.Context, view string, key redis.Key) (place int64, content string, err error)
}

// compareLists compares every key that either Redis has.
func (r *VerifyReport) compareLists(ctx context.Context, config VerifyConfig) error {
	live, ok := config.Live.Lists.(dumped)
	fresh, okFresh := config.Fresh.Lists.(dumped)
	if !ok || !okFresh {
		return errors.New("this kind of store cannot be compared")
	}
	seen := map[string]bool{}
	compare := func(key redis.Key) error {
		c := r.names[key.View]
		if seen[key.Name] {
			return nil
		}
		seen[key.Name] = true
		if c == nil || key.Partition < 0 || key.Partition >= config.Plan.Partitions {
			r.differ("?", key.Name, 0, "no view writes such a key: give Parley a Redis of its own")
			return nil
		}
		return c.compareKey(ctx, live, fresh, key)
	}
	if err := live.Keys(ctx, compare); err != nil {
		return err
	}
	return fresh.Keys(ctx, compare)
}

// compareKey compares one key. Redis gives it with its place, and the fold is brought to just there.
func (c *comparison) compareKey(ctx context.Context, live, fresh dumped, key redis.Key) error {
	place, have, err := live.Dump(ctx, c.name, key)
	if err != nil {
		return err
	}
	if place < c.at[key.Partition] {
		return fmt.Errorf("view %s lost its place in partition %d while it was compared: wait until it is folded again, then verify again", c.view.Name, key.Partition)
	}
	if err := c.foldTo(ctx, key.Partition, place); err != nil {
		return err
	}
	_, want, err := fresh.Dump(ctx, c.name, key)
	if err != nil {
		return err
	}
	c.report.Keys[c.view.Name]++
	switch {
	case have == want:
	case want == "":
		c.report.differ(c.view.Name, key.Name, place, "the log knows nothing of it")
	case have == "":
		c.report.differ(c.view.Name, key.Name, place, "it is not there")
	default:
		c.report.differ(c.view.Name, key.Name, place, "it holds something else than the log says")
	}
	return nil
}

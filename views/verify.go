// Comparison of the views with the log: each view is folded anew into fresh stores, by the projections that run, up to the
// place that the live store has, and every key must be equal. Nothing is repaired.

package views

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

// VerifyConfig says what to compare with what.
type VerifyConfig struct {
	Plan  topology.Plan
	Live  Stores // a kind of store that is nil is not compared
	Fresh Stores // they belong to the comparison, which folds into them what they lack
	Only  string // the view to compare; empty = all

	// ReadAll, when it is given, folds all partitions at once to the end of now, before anything is compared; see RebuildConfig.
	// Folded is told of each batch of it. Both may be nil.
	ReadAll func(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error
	Folded  func(records int)

	// Begins, when it is given, says where partitions begin. What is kept of one whose first records are gone cannot be folded
	// anew, and is not compared: the live view may know more.
	Begins func(ctx context.Context, topic string) (map[int32]int64, error)
	Log    *slog.Logger
	// Read gives the records of a partition from one offset to before another.
	Read func(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error
}

// VerifyReport is what a comparison found.
type VerifyReport struct {
	Keys        map[string]int         `json:"keys_compared"` // by view
	Through     map[string][]int64     `json:"through"`       // by view and partition: the place up to which was compared
	Differences []Difference           `json:"differences"`
	Total       int                    `json:"total_differences"`
	Late        map[string][]int32     `json:"partitions_without_beginning,omitempty"` // by view: not compared
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
	at     []int64        // by partition: the fresh store holds everything below
	late   map[int32]bool // the first records of the partition are gone
}

// Verify compares. Views go on working meanwhile.
func Verify(ctx context.Context, config VerifyConfig) (*VerifyReport, error) {
	report := &VerifyReport{Keys: map[string]int{}, Through: map[string][]int64{}, names: map[string]*comparison{}}
	for _, view := range config.Plan.Views {
		if config.Only != "" && config.Only != view.Name || view.Store == "redis" && config.Live.Lists == nil || view.Store != "redis" && config.Live.Documents == nil {
			continue
		}
		r, err := newRunner(Config{Plan: config.Plan, View: view.Name, Stores: config.Fresh, Log: config.Log}, view)
		if err != nil {
			return nil, err
		}
		c := &comparison{runner: r, config: config, report: report, at: make([]int64, config.Plan.Partitions)}
		report.names[view.Name], report.Through[view.Name], report.Keys[view.Name] = c, c.at, 0
		for partition := range config.Plan.Partitions {
			if c.at[partition], err = r.start(ctx, partition); err != nil {
				return nil, err
			}
		}
		if err := errors.Join(c.lookAtBeginnings(ctx), c.foldEverything(ctx)); err != nil {
			return nil, err
		}
		for partition := range config.Plan.Partitions {
			if err := c.follow(ctx, partition); err != nil {
				return nil, err
			}
		}
	}
	if config.Live.Lists != nil && report.has("redis") {
		if err := report.compareLists(ctx, config); err != nil {
			return nil, err
		}
	}
	if config.Live.Documents != nil && report.has("documents") {
		return report, report.compareDocuments(ctx)
	}
	return report, nil
}

// lookAtBeginnings finds the partitions that cannot be compared.
func (c *comparison) lookAtBeginnings(ctx context.Context) error {
	c.late = map[int32]bool{}
	if c.config.Begins == nil {
		return nil
	}
	begins, err := c.config.Begins(ctx, c.view.Input[0])
	for partition := range c.config.Plan.Partitions {
		if begins[partition] > 0 && c.at[partition] == 0 {
			c.late[partition] = true
			if c.report.Late == nil {
				c.report.Late = map[string][]int32{}
			}
			c.report.Late[c.view.Name] = append(c.report.Late[c.view.Name], partition)
		}
	}
	return err
}

// foldEverything folds what the log has now, when it can be read so.
func (c *comparison) foldEverything(ctx context.Context) error {
	if c.config.ReadAll == nil {
		return nil
	}
	err := c.foldRead(ctx, func(each func(*topology.Record) error) error {
		return c.config.ReadAll(ctx, c.view.Input[0], nil, each)
	}, c.config.Folded)
	for partition, p := range c.partitions {
		c.at[partition] = p.next
	}
	return err
}

// has reports whether views of a kind of store are compared.
func (r *VerifyReport) has(store string) bool {
	for _, c := range r.names {
		if c.view.Store == store {
			return true
		}
	}
	return false
}

// live is the place of the view in the store that is compared.
func (c *comparison) live(ctx context.Context, partition int32) (int64, error) {
	if c.view.Store == "redis" {
		return c.config.Live.Lists.Checkpoint(ctx, c.name, partition)
	}
	return c.config.Live.Documents.Checkpoint(ctx, c.name, partition)
}

// follow folds a partition to where the live view is now. One that is behind is waited for.
func (c *comparison) follow(ctx context.Context, partition int32) error {
	for until := time.Now().Add(placePatience); ; time.Sleep(placePause) {
		place, err := c.live(ctx, partition)
		switch {
		case err != nil:
			return fmt.Errorf("ask for the place of view %s: %w", c.view.Name, err)
		case place >= c.at[partition]:
			return c.foldTo(ctx, partition, place)
		case time.Now().After(until) || ctx.Err() != nil:
			return c.stands(partition, place)
		}
	}
}

// stands says that the live view is behind and does not move.
func (c *comparison) stands(partition int32, place int64) error {
	return fmt.Errorf("view %s stands at %d in partition %d, behind %d, and does not move: start it (parley run view/%s), or, if it has lost "+
		"its place, wait until it is folded again; then compare again", c.view.Name, place, partition, c.at[partition], c.view.Name)
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

// compareLists compares every key that either Redis has. The live one is gone through first; of the fresh one only what the
// live one lacks is left then.
func (r *VerifyReport) compareLists(ctx context.Context, config VerifyConfig) error {
	live, fresh := config.Live.Lists, config.Fresh.Lists
	err := live.EachKey(ctx, func(key store.Key) error {
		c := r.names[key.View]
		switch known := key.View != "" && key.Partition >= 0 && key.Partition < config.Plan.Partitions; {
		case !known && config.Only == "":
			r.differ("?", key.Name, 0, "no view writes such a key: give Parley a Redis of its own")
			return nil
		case c == nil || !known || c.late[key.Partition]:
			return nil
		}
		c.report.Keys[c.view.Name]++
		return c.compareKey(ctx, live, fresh, key)
	})
	if err != nil {
		return err
	}
	return fresh.EachKey(ctx, func(key store.Key) error {
		c := r.names[key.View]
		if c == nil || c.late[key.Partition] {
			return nil
		}
		if _, there, err := live.Text(ctx, c.name, key); err != nil || there != "" {
			return err
		}
		c.report.Keys[c.view.Name]++
		return c.compareKey(ctx, live, fresh, key)
	})
}

// compareKey compares one key. Redis gives it with its place. What is the same is the same whatever the places are; else
// the two are brought to one place.
func (c *comparison) compareKey(ctx context.Context, live, fresh store.Texts, key store.Key) error {
	for until := time.Now().Add(placePatience); ; {
		place, have, err := live.Text(ctx, c.name, key)
		if err != nil {
			return err
		}
		_, want, err := fresh.Text(ctx, c.name, key)
		if err != nil || have == want {
			return err
		}
		switch at := c.at[key.Partition]; {
		case place == at:
			c.tell(key, place, have, want)
			return nil
		case place > at:
			if err := c.foldTo(ctx, key.Partition, place); err != nil {
				return err
			}
			if _, want, err = fresh.Text(ctx, c.name, key); err == nil && have != want {
				c.tell(key, place, have, want)
			}
			return err
		case time.Now().After(until) || ctx.Err() != nil:
			return c.stands(key.Partition, place)
		}
		time.Sleep(placePause) // the live one is behind
	}
}

// tell tells that a key is not what the log says.
func (c *comparison) tell(key store.Key, place int64, have, want string) {
	switch {
	case want == "":
		c.report.differ(c.view.Name, key.Name, place, "the log knows nothing of it")
	case have == "":
		c.report.differ(c.view.Name, key.Name, place, "it is not there")
	default:
		c.report.differ(c.view.Name, key.Name, place, "it holds something else than the log says")
	}
}

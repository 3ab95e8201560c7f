// One view folded anew, up to the checkpoints of the store that it is compared with.

package prove

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

// How long a comparison waits for a live view.
const (
	patience = 10 * time.Second       // for a view to write the checkpoint of what it wrote
	pause    = 100 * time.Millisecond // between two reads
)

// ReadPartition gives the records of a partition from one offset to before another.
type ReadPartition func(ctx context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error

// ReadAll gives the records of all partitions from given offsets to the end of now, partitions mixed.
type ReadAll func(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error

// VerifyConfig is what to compare with what.
type VerifyConfig struct {
	Plan  topology.Plan
	Live  views.Stores // a kind of store that is not open is not compared
	Fresh views.Stores // both kinds, for the comparison alone, which folds into them what they lack
	Only  string       // the view to compare; empty = all

	// ReadAll, when it is given, folds all partitions at once before anything is compared. Folded is called with the size of
	// each batch of it.
	ReadAll ReadAll
	Folded  func(records int)

	// Begins, when it is given, is where partitions begin. A partition whose first records are gone cannot be folded anew and is
	// not compared: the live view may know more.
	Begins func(ctx context.Context, topic string) (map[int32]int64, error)
	Read   ReadPartition
	Log    *slog.Logger // nil = slog.Default
}

// comparison is one view folded anew.
type comparison struct {
	*views.Projector
	config VerifyConfig
	report *VerifyReport
	at     []int64        // by partition: the fresh store holds everything below
	late   map[int32]bool // the first records of the partition are gone
}

// newComparison starts every partition at the checkpoints of the fresh stores.
func newComparison(ctx context.Context, config VerifyConfig, report *VerifyReport, view string) (*comparison, error) {
	p, err := views.NewProjector(views.Config{Plan: config.Plan, View: view, Stores: config.Fresh, Log: config.Log})
	if err != nil {
		return nil, err
	}
	c := &comparison{Projector: p, config: config, report: report, at: make([]int64, config.Plan.Partitions), late: map[int32]bool{}}
	report.Through[view], report.Keys[view] = c.at, 0
	for partition := range config.Plan.Partitions {
		if c.at[partition], err = p.Start(ctx, partition); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// findLate finds the partitions that cannot be compared.
func (c *comparison) findLate(ctx context.Context) error {
	if c.config.Begins == nil {
		return nil
	}
	begins, err := c.config.Begins(ctx, c.View.Input[0])
	for partition := range c.config.Plan.Partitions {
		if begins[partition] > 0 && c.at[partition] == 0 {
			c.late[partition] = true
			if c.report.Late == nil {
				c.report.Late = map[string][]int32{}
			}
			c.report.Late[c.View.Name] = append(c.report.Late[c.View.Name], partition)
		}
	}
	return err
}

// foldAll folds what the log has now, when all partitions can be read at once.
func (c *comparison) foldAll(ctx context.Context) error {
	if c.config.ReadAll == nil {
		return nil
	}
	err := c.FoldAll(ctx, func(each func(*topology.Record) error) error {
		return c.config.ReadAll(ctx, c.View.Input[0], nil, each)
	}, c.config.Folded)
	for partition := range c.config.Plan.Partitions {
		c.at[partition] = c.Next(partition)
	}
	return err
}

// follow folds a partition to the live view's checkpoint. A live view that is behind is waited for.
func (c *comparison) follow(ctx context.Context, live store.Checkpoints, partition int32) error {
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
		checkpoint, err := live.Checkpoint(ctx, c.Checkpoint, partition)
		switch {
		case err != nil:
			return fmt.Errorf("read the checkpoint of view %s: %w", c.View.Name, err)
		case checkpoint >= c.at[partition]:
			return c.foldTo(ctx, partition, checkpoint)
		case time.Now().After(until) || ctx.Err() != nil:
			return c.stuck(partition, checkpoint)
		}
	}
}

// stuck is the error of a live view that is behind and does not move.
func (c *comparison) stuck(partition int32, checkpoint int64) error {
	return fmt.Errorf("view %s is at %d in partition %d, behind %d, and does not move: start it (parley run view/%s), or, if it has lost "+
		"its checkpoint, wait until it is folded again; then compare again", c.View.Name, checkpoint, partition, c.at[partition], c.View.Name)
}

// foldTo folds a partition up to an offset, when it is not there yet.
func (c *comparison) foldTo(ctx context.Context, partition int32, to int64) error {
	if to <= c.at[partition] {
		return nil
	}
	err := c.FoldAll(ctx, func(each func(*topology.Record) error) error {
		return c.config.Read(ctx, c.View.Input[0], partition, c.at[partition], to, each)
	}, func(int) {})
	if err != nil {
		return fmt.Errorf("fold view %s anew: %w", c.View.Name, err)
	}
	c.at[partition] = to
	return nil
}

// checkpointOf is the checkpoint up to which a key was compared.
func (c *comparison) checkpointOf(key string) int64 {
	return c.at[topology.PartitionOf(key, c.config.Plan.Partitions)]
}

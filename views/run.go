// Package views is the hall of the views: it binds each projection to its store (table.go: read it first), follows the log
// for it, and opens the stores that views and the query service share.
package views

import (
	"context"

	"github.com/parley-im/parley/topology"
)

// Follower follows topics until ctx ends. It calls start for where each partition that it is given begins, and hands handle
// the records of a partition in their order, never two batches of a partition at once. An empty batch, at intervals for a
// partition without records, checks that the store is still whole. When handle returns a *Rewind the follower goes on from
// its offset; any other error is retried, and nothing is skipped.
type Follower func(ctx context.Context, view topology.View,
	start func(ctx context.Context, partition int32) (offset int64, err error),
	handle func(ctx context.Context, partition int32, batch []topology.Record) error) error

// Run runs a view until ctx ends.
func Run(ctx context.Context, config Config, follow Follower) error {
	p, err := NewProjector(config)
	if err != nil {
		return err
	}
	return follow(ctx, p.View, p.Start, p.Handle)
}

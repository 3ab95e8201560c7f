// A follower's settings, and what its handler may ask for.

// Package follow hands the records of topics to a handler, batch by batch, without a table: for views, which commit, and for
// the dispatcher, which begins at the end.
package follow

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
)

const (
	defaultMaxBatch = 500
	defaultStall    = 20 * time.Second
)

// Config is what Run needs. Zero means the default.
type Config struct {
	Cluster        cluster.Config
	Plan           topology.Plan
	Name           string        // the consumer group is Plan.Consumer(Name)
	Topics         []string      // of the plan
	Newest         bool          // begin at the end and commit nothing; else at the commit, or the oldest record without one
	SessionTimeout time.Duration // without a heartbeat, until others get the partitions; 10 s
	MaxBatch       int           // records of a batch; 500
	Gather         time.Duration // how long a broker waits until many records are there; 0 = sends what is there
	Linger         time.Duration // how long a batch waits for more, for each record beyond one of the batch before it; 0 = takes what is there
	MaxLinger      time.Duration // the longest such wait
	Stall          time.Duration // without a record of a partition that holds some, until Run ends with ErrStalled; 20 s

	// Start returns where partitions begin, for followers whose position is stored where they write to; commits then only
	// show the lag. Below the log's oldest offset means the oldest; above its end is ErrAlarm. May be nil.
	Start func(ctx context.Context, partitions []topology.TopicPartition) (map[topology.TopicPartition]int64, error)

	// IdleEvery is how long a partition without records waits until Handle is called with an empty batch; 0 = never.
	IdleEvery time.Duration

	// Handle takes a batch of one partition, in order. Batches of different partitions come concurrently, those of one
	// never. A *Rewind goes back; any other error means the same batch again, after a pause; nothing is skipped.
	Handle func(ctx context.Context, topic string, partition int32, batch []topology.Record) error

	// Owned is called with all partitions owned, sorted, after each change and before records of new ones are handled. With
	// Newest, records produced after the call are handled; it must not block. May be nil.
	Owned func([]topology.TopicPartition)

	Log     *slog.Logger          // nil = slog.Default
	Metrics prometheus.Registerer // nil = none
}

func (cfg Config) withDefaults() Config {
	cfg.MaxBatch = cmp.Or(cfg.MaxBatch, defaultMaxBatch)
	cfg.SessionTimeout = cmp.Or(cfg.SessionTimeout, cluster.SessionTimeout)
	cfg.Stall = cmp.Or(cfg.Stall, defaultStall)
	cfg.Log = cmp.Or(cfg.Log, slog.Default()).With("follower", cfg.Name)
	return cfg
}

// linger is how long a batch waits for more: not at all when records come one by one, and longer the more came last.
func (cfg Config) linger(last int) time.Duration {
	return min(time.Duration(max(last-1, 0))*cfg.Linger, cfg.MaxLinger)
}

// Rewind is what Handle returns (errors.As) when the partition must be handled again from an earlier offset: what it
// writes to has lost something. What is queued is dropped; an offset below the log's oldest means the oldest.
type Rewind struct{ Offset int64 }

func (r *Rewind) Error() string { return fmt.Sprintf("handle again from offset %d", r.Offset) }

// How the log is followed: by a consumer group of each view, from the checkpoints in the view's store.

package views

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// Limits of following.
const (
	pollInterval = 5 * time.Second // of the store of a partition without records

	// Nobody waits for a view: pushes come from the dispatchers. So views gather larger batches, of which each record costs
	// the broker and the stores less.
	gather = 100 * time.Millisecond

	// In one batch the same person and the same page cost once. A busy view lingers longer.
	linger             = 2 * time.Millisecond // for each record of the batch before
	maxLinger          = 250 * time.Millisecond
	maxDocumentsLinger = 500 * time.Millisecond // every batch writes the pages that it adds to anew
)

// FollowSettings are how to reach the log.
type FollowSettings struct {
	Cluster        wire.Cluster
	Plan           topology.Plan
	SessionTimeout time.Duration         // without a heartbeat, until others get the partitions; 0 = wire's default
	Log            *slog.Logger          // nil = slog.Default
	Metrics        prometheus.Registerer // nil = none
	PollInterval   time.Duration         // of the store of a quiet partition; 0 = 5 s
}

// FollowWire follows Kafka.
func FollowWire(settings FollowSettings) Follower {
	if settings.PollInterval == 0 {
		settings.PollInterval = pollInterval
	}
	return func(ctx context.Context, view topology.View, start func(context.Context, int32) (int64, error),
		handle func(context.Context, int32, []topology.Record) error) error {
		longest := maxLinger
		if view.Store == documentsKind {
			longest = maxDocumentsLinger
		}
		return wire.Follow(ctx, wire.FollowerConfig{
			Cluster: settings.Cluster, Plan: settings.Plan, Name: "view." + view.Name, Topics: view.Input,
			SessionTimeout: settings.SessionTimeout, MaxBatch: maxBatch, IdleEvery: settings.PollInterval,
			Gather: gather, Linger: linger, MaxLinger: longest,
			Log: settings.Log, Metrics: settings.Metrics,
			Start: func(ctx context.Context, partitions []topology.TopicPartition) (map[topology.TopicPartition]int64, error) {
				offsets := make(map[topology.TopicPartition]int64, len(partitions))
				for _, partition := range partitions {
					offset, err := start(ctx, partition.Partition)
					if err != nil {
						return nil, err
					}
					offsets[partition] = offset
				}
				return offsets, nil
			},
			Handle: func(ctx context.Context, _ string, partition int32, batch []topology.Record) error {
				err := handle(ctx, partition, batch)
				if back := (*Rewind)(nil); errors.As(err, &back) {
					return &wire.Rewind{Offset: back.Offset}
				}
				return err
			},
		})
	}
}

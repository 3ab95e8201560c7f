// How the log is followed: by a consumer group of the view's own, from where the view's store stands.

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
	batchRecords = 1024            // of one write into a store
	lookEvery    = 5 * time.Second // at the store of a partition where nothing comes

	// Views are no one's first news: pushes come from the dispatchers. So they take a little more at once, which costs the
	// broker and the stores a fraction for each record.
	gather = 100 * time.Millisecond

	// Of what is written together the same person and page cost once. A busy view waits longer for more.
	linger         = 2 * time.Millisecond // for each record of the batch before
	maxLinger      = 250 * time.Millisecond
	maxPagesLinger = 500 * time.Millisecond // of documents, where a page is written anew with every batch that is said in it
)

// FollowSettings say how to reach the log.
type FollowSettings struct {
	Cluster        wire.Cluster
	Plan           topology.Plan
	SessionTimeout time.Duration         // without a heartbeat, until others get the partitions; 0 = wire's default
	Log            *slog.Logger          // nil = slog.Default
	Metrics        prometheus.Registerer // nil = none
	LookEvery      time.Duration         // at the store of a quiet partition; 0 = 5 s
}

// FollowWire follows Kafka.
func FollowWire(settings FollowSettings) Follower {
	if settings.LookEvery == 0 {
		settings.LookEvery = lookEvery
	}
	return func(ctx context.Context, view topology.View, start startFunc, handle handleFunc) error {
		longest := maxLinger
		if view.Store == "documents" {
			longest = maxPagesLinger
		}
		return wire.Follow(ctx, wire.FollowerConfig{
			Cluster: settings.Cluster, Plan: settings.Plan, Name: "view." + view.Name, Topics: view.Input,
			SessionTimeout: settings.SessionTimeout, MaxBatch: batchRecords, IdleEvery: settings.LookEvery,
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

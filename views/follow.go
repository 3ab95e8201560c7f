// The follower of views: wire.Follow, beginning where the store stands.

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

// lookEvery is how often a quiet partition's store is asked whether it is still whole.
const lookEvery = 5 * time.Second

// FollowSettings say how views reach the log.
type FollowSettings struct {
	Cluster    wire.Cluster
	Plan       topology.Plan
	InstanceID string                // name of this process among its kind, kept over restarts; empty = none
	Log        *slog.Logger          // nil = slog.Default
	Metrics    prometheus.Registerer // nil = none
}

// FollowWire follows the log for views.
func FollowWire(s FollowSettings) Follower {
	return func(ctx context.Context, view topology.View,
		start func(context.Context, int32) (int64, error),
		handle func(context.Context, int32, []topology.Record) error) error {
		return wire.Follow(ctx, wire.FollowerConfig{
			Cluster: s.Cluster, Plan: s.Plan, Name: "view." + view.Name, Topics: view.Input, InstanceID: s.InstanceID,
			IdleEvery: lookEvery, Log: s.Log, Metrics: s.Metrics,
			Start: func(ctx context.Context, partitions []wire.TopicPartition) (map[wire.TopicPartition]int64, error) {
				starts := make(map[wire.TopicPartition]int64, len(partitions))
				for _, p := range partitions {
					place, err := start(ctx, p.Partition)
					if err != nil {
						return nil, err
					}
					starts[p] = place
				}
				return starts, nil
			},
			Handle: func(ctx context.Context, _ string, partition int32, batch []topology.Record) error {
				err := handle(ctx, partition, batch)
				var back *Rewind
				if errors.As(err, &back) {
					return &wire.Rewind{Offset: back.Offset}
				}
				return err
			},
		})
	}
}

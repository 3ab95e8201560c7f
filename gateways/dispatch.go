// The dispatcher, bound to the plan: it follows the topics that the plan lets it read and pushes their records to gateways.

package gateways

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/gateways/dispatch"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Follow reads topics from their end on, together with the other followers of the same name. It calls owned with all
// partitions after each change, before it calls take with records of new ones. It ends with ctx.
type Follow func(ctx context.Context, name string, topics []string, owned func([]topology.TopicPartition), take func([]topology.Record)) error

// DispatchConfig of a dispatcher.
type DispatchConfig struct {
	Plan     topology.Plan
	Listener net.Listener
	Follow   Follow
	Ready    func()         // called when the assignment of each topic is known, and after each change; may be nil
	Loopback *push.Loopback // gateways of the same process find it there; nil = over the network, as all others
	Logger   *slog.Logger
}

const dispatchName = "dispatch" // in the plan

// RunDispatch follows the topics, and serves the push service, until ctx ends.
func RunDispatch(ctx context.Context, cfg DispatchConfig) error {
	var topics []string
	for _, g := range cfg.Plan.Gateways {
		if g.Name == dispatchName {
			topics = g.Hears
		}
	}
	if len(topics) == 0 || cfg.Follow == nil || cfg.Listener == nil {
		return errors.New("gateways: a dispatcher needs a plan in which it reads topics, a listener and a follower")
	}
	d := dispatch.New(dispatch.Config{Log: cfg.Logger, Partition: partitionIn(cfg.Plan)})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	go func() {
		defer stop()
		followed <- followEach(ctx, cfg, topics, d)
	}()
	address := cfg.Listener.Addr().String()
	cfg.Loopback.Add(address, d)
	served := d.Serve(ctx, cfg.Listener)
	cfg.Loopback.Remove(address)
	d.Close() // streams over the loopback end too
	stop()
	if err := <-followed; err != nil && !errors.Is(err, context.Canceled) {
		return errors.Join(served, fmt.Errorf("gateways: the dispatcher cannot follow its topics: %w", err))
	}
	return served
}

// followEach follows each topic as a member of its own: for every fetch a broker considers all partitions that its client
// has, and only one of the topics is busy.
func followEach(ctx context.Context, cfg DispatchConfig, topics []string, d *dispatch.Dispatcher) error {
	var mu sync.Mutex
	owned := map[string][]topology.TopicPartition{}
	members, ctx := errgroup.WithContext(ctx)
	for _, topic := range topics {
		members.Go(func() error {
			return cfg.Follow(ctx, dispatchName, []string{topic}, func(now []topology.TopicPartition) {
				mu.Lock()
				defer mu.Unlock()
				owned[topic] = now
				d.Own(ownedPartitions(owned))
				if cfg.Ready != nil && len(owned) == len(topics) {
					cfg.Ready()
				}
			}, func(batch []topology.Record) { d.Push(pushedRecords(batch)) })
		})
	}
	return members.Wait()
}

func ownedPartitions(topics map[string][]topology.TopicPartition) (out []*pb.OwnedPartition) {
	for _, now := range topics {
		for _, o := range now {
			out = append(out, &pb.OwnedPartition{Topic: o.Topic, Partition: o.Partition})
		}
	}
	return out
}

func pushedRecords(batch []topology.Record) []*pb.PushedRecord {
	out := make([]*pb.PushedRecord, len(batch))
	for i, r := range batch {
		out[i] = &pb.PushedRecord{Topic: r.Topic, Key: r.Key, Partition: r.Partition, Offset: r.Offset, Value: r.Value}
	}
	return out
}

// The two services that stand beside the doors: the dispatcher and the keys.

package gateways

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/server"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/gateways/dispatch"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/keyservice"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Owned is a partition of a topic.
type Owned struct {
	Topic     string
	Partition int32
}

// Follow reads topics from their end on, together with the other followers of the same name. It calls owned with all
// partitions after each change, before it calls take with records of new ones. It ends with ctx.
type Follow func(ctx context.Context, name string, topics []string, owned func([]Owned), take func([]topology.Record)) error

// DispatchConfig of a dispatcher.
type DispatchConfig struct {
	Plan     topology.Plan
	Listener net.Listener
	Follow   Follow
	Ready    func()  // called when it is known what is owned of each topic, and after each change; may be nil
	Beside   *Beside // gateways of the same process find it there; nil = over the network, as all others
	Logger   *slog.Logger
}

const dispatchDoor = "dispatch" // its name in the plan

// RunDispatch follows what the plan lets the dispatcher hear, and serves the push service, until ctx ends.
func RunDispatch(ctx context.Context, cfg DispatchConfig) error {
	var hears []string
	for _, g := range cfg.Plan.Gateways {
		if g.Name == dispatchDoor {
			hears = g.Hears
		}
	}
	if len(hears) == 0 || cfg.Follow == nil || cfg.Listener == nil {
		return errors.New("gateways: a dispatcher needs a plan in which it hears something, a listener and a follower")
	}
	d := dispatch.New(dispatch.Config{Log: cfg.Logger,
		Partition: func(key string) int32 { return topology.PartitionOf(key, cfg.Plan.Partitions) }})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	go func() {
		defer stop()
		followed <- followEach(ctx, cfg, hears, d)
	}()
	address := cfg.Listener.Addr().String()
	cfg.Beside.add(address, d)
	served := d.Serve(ctx, cfg.Listener)
	cfg.Beside.remove(address)
	d.Close() // whoever came beside the server goes too
	stop()
	if err := <-followed; err != nil && !errors.Is(err, context.Canceled) {
		return errors.Join(served, fmt.Errorf("gateways: the dispatcher follows no longer: %w", err))
	}
	return served
}

// followEach follows each topic as a member of its own: for every fetch a broker looks at all partitions that its client has,
// and only one of the topics is full of life.
func followEach(ctx context.Context, cfg DispatchConfig, topics []string, d *dispatch.Dispatcher) error {
	var mu sync.Mutex
	owned := map[string][]Owned{}
	members, ctx := errgroup.WithContext(ctx)
	for _, topic := range topics {
		members.Go(func() error {
			return cfg.Follow(ctx, dispatchDoor, []string{topic}, func(now []Owned) {
				mu.Lock()
				defer mu.Unlock()
				owned[topic] = now
				d.Own(ownedOf(owned))
				if cfg.Ready != nil && len(owned) == len(topics) {
					cfg.Ready()
				}
			}, func(batch []topology.Record) { d.Push(pushed(batch)) })
		})
	}
	return members.Wait()
}

func ownedOf(topics map[string][]Owned) (out []*pb.OwnedPartition) {
	for _, now := range topics {
		for _, o := range now {
			out = append(out, &pb.OwnedPartition{Topic: o.Topic, Partition: o.Partition})
		}
	}
	return out
}

func pushed(batch []topology.Record) []*pb.PushedRecord {
	out := make([]*pb.PushedRecord, len(batch))
	for i, r := range batch {
		out[i] = &pb.PushedRecord{Topic: r.Topic, Key: r.Key, Partition: r.Partition, Offset: r.Offset, Value: r.Value}
	}
	return out
}

const keysLeaveWithin = 2 * time.Second

// ServeKeys serves the key service over a store until ctx ends.
func ServeKeys(ctx context.Context, listener net.Listener, store *seal.Store) error {
	leave := make(chan error)
	svr := keyservice.NewServer(store,
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: "parley.keys"}),
		server.WithExitWaitTime(keysLeaveWithin),
		server.WithExitSignal(func() <-chan error { return leave }))
	done := make(chan error, 1)
	go func() { done <- svr.Run() }()
	select {
	case err := <-done:
		return fmt.Errorf("gateways: serve keys: %w", err)
	case <-ctx.Done():
		close(leave)
		return <-done
	}
}

// The dispatcher, which pushes new records to the gateways.

package run

import (
	"context"
	"net"

	"github.com/parley-im/parley/gateways"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

func runDispatch(ctx context.Context, p *Process, ready func(bool)) error {
	l, err := net.Listen("tcp", p.PushBind)
	if err != nil {
		return err
	}
	return gateways.RunDispatch(ctx, gateways.DispatchConfig{
		Plan: p.plan, Listener: l, Loopback: &p.loopback, Logger: p.log, Ready: func() { ready(true) },
		Follow: func(ctx context.Context, name string, topics []string, owned func([]topology.TopicPartition), take func([]topology.Record)) error {
			return wire.Follow(ctx, wire.FollowerConfig{
				Cluster: p.Cluster(), Plan: p.plan, Name: name, Topics: topics, Newest: true,
				SessionTimeout: p.Session, Log: p.log, Metrics: p.metrics,
				Owned: owned,
				Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
					take(batch)
					return nil
				},
			})
		},
	})
}

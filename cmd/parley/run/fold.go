// The roles that fold the log: processors, views, and the query service that reads the views.

package run

import (
	"context"
	"fmt"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/serve"
)

func processor(name string) func(context.Context, *Process, func(bool)) error {
	return func(ctx context.Context, p *Process, ready func(bool)) error {
		m, ok := processors.Machine(p.plan, name)
		if !ok {
			return fmt.Errorf("the plan has no group %s", name)
		}
		return wire.RunGroup(ctx, wire.GroupConfig{
			Plan: p.plan, Machine: m, Log: p.log, Metrics: p.metrics,
			Settings: wire.Settings{
				Cluster: p.Cluster(), Dir: p.Dir("tables"), InstanceID: p.InstanceName(),
				SessionTimeout: p.Session, HotStandby: p.Standby,
			},
			Owned: func(partitions []int32) { ready(partitions != nil) },
		})
	}
}

func view(name string) func(context.Context, *Process, func(bool)) error {
	return func(ctx context.Context, p *Process, ready func(bool)) error {
		stores, err := p.stores(ctx)
		if err != nil {
			return err
		}
		ready(true)
		return views.Run(ctx, views.Config{
			Plan: p.plan, View: name, Stores: stores, Log: p.log, Metrics: p.metrics,
		}, views.FollowWire(views.FollowSettings{
			Cluster: p.Cluster(), Plan: p.plan, SessionTimeout: p.Session, Log: p.log, Metrics: p.metrics,
		}))
	}
}

func runQuery(ctx context.Context, p *Process, ready func(bool)) error {
	stores, err := p.stores(ctx)
	if err != nil {
		return err
	}
	ready(true)
	return serve.Serve(ctx, p.QueryBind, stores.Read)
}

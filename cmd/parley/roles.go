// The roles of the house: what each is, and how it is started with what this process has. Here the halls are introduced.

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/serve"
)

// role is something that a process can be. It runs until its context ends, and says when it is ready.
type role struct {
	name string
	why  string
	run  func(ctx context.Context, p *process, ready func(bool)) error
}

// roles are all of them, in the order of a message's walk.
func roles() []role {
	plan := topology.House()
	list := []role{{"keys", "keeps people's keys, which open what they said", runKeys}}
	for _, g := range plan.Groups {
		list = append(list, role{"processor/" + g.Name, "folds " + g.Input + " by " + g.Key, processor(g.Name)})
	}
	for _, v := range plan.Views {
		list = append(list, role{"view/" + v.Name, "folds " + strings.Join(v.Input, ", ") + " into " + v.Store, view(v.Name)})
	}
	return append(list,
		role{"query", "answers reads from the views", runQuery},
		role{"dispatch", "pushes records to the gateways as they come", runDispatch},
		role{"gateway", "WebSocket, HTTP and the page", runGateway},
	)
}

func processor(name string) func(context.Context, *process, func(bool)) error {
	return func(ctx context.Context, p *process, ready func(bool)) error {
		m, ok := processors.Machine(p.plan, name)
		if !ok {
			return fmt.Errorf("the plan has no group %s", name)
		}
		return wire.RunGroup(ctx, wire.GroupConfig{
			Plan: p.plan, Machine: m, Log: p.log, Metrics: p.metrics,
			Settings: wire.Settings{
				Cluster: p.cluster(), Dir: p.dir("tables"), InstanceID: p.instance(),
				SessionTimeout: p.Session, HotStandby: p.Standby,
			},
			Owned: func(partitions []int32) { ready(partitions != nil) },
		})
	}
}

func view(name string) func(context.Context, *process, func(bool)) error {
	return func(ctx context.Context, p *process, ready func(bool)) error {
		stores, err := p.stores(ctx)
		if err != nil {
			return err
		}
		ready(true)
		return views.Run(ctx, views.Config{
			Plan: p.plan, View: name, Stores: stores, Log: p.log, Metrics: p.metrics,
		}, views.FollowWire(views.FollowSettings{
			Cluster: p.cluster(), Plan: p.plan, SessionTimeout: p.Session, Log: p.log, Metrics: p.metrics,
		}))
	}
}

func runQuery(ctx context.Context, p *process, ready func(bool)) error {
	stores, err := p.stores(ctx)
	if err != nil {
		return err
	}
	ready(true)
	return serve.Serve(ctx, p.QueryBind, stores.Read)
}

// The process that is measured alone: one group under this deployment's wiring, or under goka's own as its README shows it.

package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/test/stock"
	"github.com/parley-im/parley/topology/wire"
)

// aloneChild is the name under which the command starts itself.
const aloneChild = "run-alone"

func aloneCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(aloneChild, flag.ExitOnError)
	wiring := flags.String("wiring", wirings[0], "parley or goka")
	brokers := flags.String("brokers", "", "address of Kafka")
	name := flags.String("name", "", "of the plan: group and table begin with it")
	dir := flags.String("dir", "", "for the local store")
	partitions := flags.Int("partitions", 8, "of the topics")
	_ = flags.Parse(args) // it ends the process itself
	plan := alonePlan(*name, *partitions)
	machine, ok := processors.Machine(plan, sequencer)
	if !ok {
		return fmt.Errorf("the plan has no group %s", sequencer)
	}
	if *wiring == "goka" {
		p, err := stock.Processor([]string{*brokers}, *dir, plan, machine, nil)
		if err != nil {
			return err
		}
		return p.Run(ctx)
	}
	return wire.RunGroup(ctx, wire.GroupConfig{
		Plan: plan, Machine: machine, Metrics: prometheus.NewRegistry(),
		Settings: wire.Settings{Cluster: wire.Cluster{Brokers: []string{*brokers}}, Dir: *dir, InstanceID: *name},
	})
}

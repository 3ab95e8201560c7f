// The process that is measured alone: one group under this house's wiring, or under goka's own as its README shows it.

package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/topology"
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
		return runGoka(ctx, plan, machine, []string{*brokers}, *dir)
	}
	return wire.RunGroup(ctx, wire.GroupConfig{
		Plan: plan, Machine: machine, Metrics: prometheus.NewRegistry(),
		Settings: wire.Settings{Cluster: wire.Cluster{Brokers: []string{*brokers}}, Dir: *dir, InstanceID: *name},
	})
}

// runGoka runs the machine as goka's first example runs its processor: DefaultConfig with Kafka's version and the oldest
// offset set, its own producer, LevelDB, one replica because there is one broker. The hasher is ours, because the commands
// are keyed by it.
func runGoka(ctx context.Context, plan topology.Plan, m topology.Machine, brokers []string, dir string) error {
	conf := goka.DefaultConfig()
	conf.Version = sarama.V2_4_0_0
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	goka.ReplaceGlobalConfig(conf)
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication, topics.Stream.Replication = 1, 1
	p, err := goka.NewProcessor(brokers, gokaGraph(plan, m),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithTopicManagerConfig(topics)),
		goka.WithConsumerGroupBuilder(goka.DefaultConsumerGroupBuilder),
		goka.WithStorageBuilder(storage.DefaultBuilder(filepath.Join(dir, "table"))),
		goka.WithHasher(topology.Hasher))
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

// bytesCodec gives goka bytes for bytes.
type bytesCodec struct{}

func (bytesCodec) Encode(value any) ([]byte, error) { return value.([]byte), nil }
func (bytesCodec) Decode(data []byte) (any, error)  { return data, nil }

// gokaGraph is a machine as a callback: the outputs with their causes, then the row.
func gokaGraph(plan topology.Plan, m topology.Machine) *goka.GroupGraph {
	callback := func(ctx goka.Context, value any) {
		in := &topology.Record{Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Time: ctx.Timestamp(), Key: ctx.Key()}
		in.Value, _ = value.([]byte)
		if cause, ok := ctx.Headers()[topology.HeaderCause]; ok {
			in.Headers = []topology.Header{{Key: topology.HeaderCause, Value: cause}}
		}
		row, _ := ctx.Value().([]byte)
		next, out := m.Fold(1, row, in)
		for i, o := range out {
			cause := topology.Cause{Epoch: plan.Epoch, Group: m.Group.Number, Partition: in.Partition, Offset: in.Offset, Index: uint32(i)}
			ctx.Emit(goka.Stream(o.Topic), o.Key, o.Value, goka.WithCtxEmitHeaders(goka.Headers{topology.HeaderCause: cause.Pack()}))
		}
		if next != nil {
			ctx.SetValue(next)
		}
	}
	edges := []goka.Edge{goka.Input(goka.Stream(m.Group.Input), bytesCodec{}, callback), goka.Persist(bytesCodec{})}
	for _, topic := range append([]string{topology.DeadLetters}, m.Group.Output...) {
		edges = append(edges, goka.Output(goka.Stream(topic), bytesCodec{}))
	}
	return goka.DefineGroup(goka.Group(plan.Consumer(m.Group.Name)), edges...)
}

// Package stock runs a machine of ours under goka's own wiring, so that ours can be measured and judged beside it.
package stock

import (
	"path/filepath"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/parley-im/parley/topology"
)

// Processor is the machine as goka's first example makes a processor: DefaultConfig with Kafka's version and the oldest
// offset set, its own producer and commits, LevelDB in a folder, one replica because there is one broker. The hasher is ours,
// because the commands are keyed by it. What stored changes is a row before the machine sees it; nil = nothing.
func Processor(brokers []string, dir string, plan topology.Plan, m topology.Machine, stored func(row []byte) []byte) (*goka.Processor, error) {
	conf := goka.DefaultConfig()
	conf.Version = sarama.V2_4_0_0
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	goka.ReplaceGlobalConfig(conf)
	topics := goka.NewTopicManagerConfig()
	topics.Table.Replication, topics.Stream.Replication = 1, 1
	return goka.NewProcessor(brokers, graph(plan, m, stored),
		goka.WithTopicManagerBuilder(goka.TopicManagerBuilderWithTopicManagerConfig(topics)),
		goka.WithConsumerGroupBuilder(goka.DefaultConsumerGroupBuilder),
		goka.WithStorageBuilder(storage.DefaultBuilder(filepath.Join(dir, m.Group.Name))),
		goka.WithHasher(topology.Hasher))
}

// graph is the machine's input, outputs and row.
func graph(plan topology.Plan, m topology.Machine, stored func([]byte) []byte) *goka.GroupGraph {
	edges := []goka.Edge{goka.Input(goka.Stream(m.Group.Input), raw{}, callback(plan, m, stored)), goka.Persist(raw{})}
	for _, topic := range append([]string{topology.DeadLetters}, m.Group.Output...) {
		edges = append(edges, goka.Output(goka.Stream(topic), raw{}))
	}
	return goka.DefineGroup(goka.Group(plan.Consumer(m.Group.Name)), edges...)
}

// callback folds: it says the outputs with their causes, then sets the row.
func callback(plan topology.Plan, m topology.Machine, stored func([]byte) []byte) goka.ProcessCallback {
	return func(ctx goka.Context, value any) {
		in := &topology.Record{Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(),
			Time: ctx.Timestamp().UTC().Truncate(time.Millisecond), Key: ctx.Key()}
		in.Value, _ = value.([]byte)
		if cause, ok := ctx.Headers()[topology.HeaderCause]; ok {
			in.Headers = []topology.Header{{Key: topology.HeaderCause, Value: cause}}
		}
		row, _ := ctx.Value().([]byte)
		if stored != nil && row != nil {
			row = stored(row)
		}
		next, out := m.Fold(1, row, in)
		for i, o := range out {
			cause := plan.Cause(m.Group, in, i)
			ctx.Emit(goka.Stream(o.Topic), o.Key, o.Value, goka.WithCtxEmitHeaders(goka.Headers{topology.HeaderCause: cause.Pack()}))
		}
		if next != nil {
			ctx.SetValue(next)
		}
	}
}

// raw gives goka bytes for bytes.
type raw struct{}

func (raw) Encode(value any) ([]byte, error) { return value.([]byte), nil }
func (raw) Decode(data []byte) (any, error)  { return data, nil }

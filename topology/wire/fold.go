// This file is what happens to one input: find the rules, fold, say the outputs, then write the row.

package wire

import (
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
)

// outputHeaders are what an output has, sorted by name: its cause, and the rest from its input. That is passed as bytes and
// never made anew: two owners, one of them stale, must say the same bytes.
var outputHeaders = [...]string{topology.HeaderCause, topology.HeaderCorrelation, topology.HeaderLane, topology.HeaderTrace}

// bytesCodec gives goka bytes for bytes, nil included: a fold decodes for itself.
type bytesCodec struct{}

// Encode takes bytes.
func (bytesCodec) Encode(value any) ([]byte, error) {
	b, ok := value.([]byte)
	if !ok {
		return nil, fmt.Errorf("a %T is given where bytes belong", value)
	}
	return b, nil
}

// Decode gives them back.
func (bytesCodec) Decode(data []byte) (any, error) { return data, nil }

// graph is the group as goka sees it.
func (g *group) graph() *goka.GroupGraph {
	edges := []goka.Edge{
		goka.Input(goka.Stream(g.input), bytesCodec{}, g.callback),
		goka.Persist(bytesCodec{}),
	}
	outputs := append([]string{topology.DeadLetters}, g.machine.Group.Output...)
	slices.Sort(outputs)
	for _, topic := range slices.Compact(outputs) {
		edges = append(edges, goka.Output(goka.Stream(topic), bytesCodec{}))
	}
	return goka.DefineGroup(goka.Group(g.name), edges...)
}

// callback runs on the partition's goroutine, once for each input, in order. A panic ends the process: folds catch their
// own, so this is one of the wire or of a store.
func (g *group) callback(ctx goka.Context, value any) {
	defer func() {
		if p := recover(); p != nil {
			g.die(fmt.Errorf("fold %s/%d at offset %d: %v\n%s", ctx.Topic(), ctx.Partition(), ctx.Offset(), p, debug.Stack()))
			panic(p) // goka must not take the input for done
		}
	}()
	if err := g.foldOne(ctx, value); err != nil {
		ctx.Fail(err)
	}
}

func (g *group) foldOne(ctx goka.Context, value any) error {
	c := g.claims[ctx.Partition()].Load()
	if c == nil {
		return fmt.Errorf("partition %d was not taken over: this is a bug in the wire", ctx.Partition())
	}
	c.commits.begin(ctx.Offset())
	failpoint(PointFetched)
	in := inputRecord(ctx, value)
	rules := g.machine.RulesAt(c.rules, in.Offset)
	if rules > g.machine.MaxRules {
		return g.alarm(alarmRules, "rules %d hold at offset %d of %s/%d, and this binary knows them up to %d: deploy a newer one",
			rules, in.Offset, in.Topic, in.Partition, g.machine.MaxRules)
	}
	row, _ := ctx.Value().([]byte)
	in.Panic = c.store.skippedAt(in.Offset)
	next, out := g.machine.Fold(rules, row, in)
	if in.Panic == "" && len(out) == 1 && out[0].Panic != "" {
		if err := g.skipInput(c, in.Offset, out[0].Panic); err != nil {
			return err
		}
	}
	if next == nil {
		g.metrics.dropped.Inc()
		// Dropped, because something before it is folded, but perhaps not acked: it is done when that is.
		g.producer.lanes[in.Partition].barrier(ctx.DeferCommit())
		return g.after(c, in.Offset, in.Key, false)
	}
	if err := g.check(in, next, out); err != nil {
		return err
	}
	g.emit(in, out)
	ctx.SetValue(next, g.inLane(in)...)
	if in.Key == topology.RulesKey {
		c.rules = next
	}
	g.metrics.folded.Inc()
	return g.after(c, in.Offset, in.Key, true)
}

// emit says the outputs, in order, each with its cause. goka is not told of them: the input is done when its row is acked,
// and the row waits for them.
func (g *group) emit(in *topology.Record, out []topology.Output) {
	cause := topology.Cause{Epoch: g.plan.Epoch, Group: g.machine.Group.Number, Partition: in.Partition, Offset: in.Offset}
	for i, o := range out {
		cause.Index = uint32(i)
		g.producer.say(in.Partition, o, headersOf(in, cause))
	}
	g.metrics.outputs.Add(float64(len(out)))
}

func headersOf(in *topology.Record, cause topology.Cause) []topology.Header {
	list := make([]topology.Header, 0, len(outputHeaders))
	for _, name := range outputHeaders {
		if name == topology.HeaderCause {
			list = append(list, topology.Header{Key: name, Value: cause.Pack()})
		} else if v := in.Get(name); v != nil {
			list = append(list, topology.Header{Key: name, Value: v})
		}
	}
	return list
}

// inLane tells the producer where a row belongs whose key hashes elsewhere than its input stood, as topology.RulesKey's does.
func (g *group) inLane(in *topology.Record) []goka.ContextOption {
	if topology.PartitionOf(in.Key, g.plan.Partitions) == in.Partition {
		return nil
	}
	packed := binary.BigEndian.AppendUint32(nil, uint32(in.Partition))
	return []goka.ContextOption{goka.WithCtxEmitHeaders(goka.Headers{headerFrom: packed})}
}

// check is asked before the first output is sent: half of an input's outputs must never be all of them.
func (g *group) check(in *topology.Record, next []byte, out []topology.Output) error {
	for i, o := range out {
		if n := len(o.Key) + len(o.Value); n > maxRecordBytes {
			return fmt.Errorf("output %d of %s/%d at offset %d has %d bytes, more than %d: the fold should have made a dead letter of it",
				i, in.Topic, in.Partition, in.Offset, n, maxRecordBytes)
		}
		if o.Topic != topology.DeadLetters && !slices.Contains(g.machine.Group.Output, o.Topic) {
			return fmt.Errorf("output %d of %s/%d at offset %d is for %s, and the plan does not let %s write there",
				i, in.Topic, in.Partition, in.Offset, o.Topic, g.machine.Group.Name)
		}
	}
	if n := len(in.Key) + len(next); n > maxRecordBytes {
		return fmt.Errorf("the row of %s/%d at offset %d has %d bytes, more than %d: the fold should have made a dead letter of it",
			in.Topic, in.Partition, in.Offset, n, maxRecordBytes)
	}
	return nil
}

// inputRecord is goka's message as folds see it. Followers and readers build the same record of the same bytes.
func inputRecord(ctx goka.Context, value any) *topology.Record {
	b, _ := value.([]byte)
	headers := ctx.Headers()
	in := &topology.Record{
		Topic: string(ctx.Topic()), Partition: ctx.Partition(), Offset: ctx.Offset(), Time: recordTime(ctx.Timestamp()),
		Key: ctx.Key(), Value: recordValue(b),
	}
	if len(headers) == 0 {
		return in
	}
	in.Headers = make([]topology.Header, 0, len(headers))
	for k, v := range headers {
		in.Headers = append(in.Headers, topology.Header{Key: k, Value: v})
	}
	in.Headers = inOrder(in.Headers)
	return in
}

// recordValue makes no difference between no value and an empty one, because librdkafka makes none.
func recordValue(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func recordTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

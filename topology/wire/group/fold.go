// What happens to a run of inputs, one after another: find the rules, fold, emit the outputs, then write the row.

package group

import (
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/lovoo/goka"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
)

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

// callback runs on the partition's goroutine, and folds a run of inputs, in order. A panic ends the process: folds catch
// their own, so this is one of the wire or of a store.
func (g *group) callback(ctx goka.Context, _ any) {
	defer func() {
		if p := recover(); p != nil {
			g.die(fmt.Errorf("fold %s/%d: %v\n%s", ctx.Topic(), ctx.Partition(), p, debug.Stack()))
			panic(p) // goka must not take the run for done
		}
	}()
	c := g.claims[ctx.Partition()].Load()
	if c == nil {
		ctx.Fail(fmt.Errorf("partition %d was not taken over: this is a bug in the wire", ctx.Partition()))
	}
	run := c.input.Load().run()
	for i := range run {
		if err := g.foldOne(c, &run[i]); err != nil {
			ctx.Fail(err)
		}
	}
	if len(run) == 0 {
		return
	}
	g.producer.Folded(len(run))
	// The run is finished when everything that it emitted is acked, and everything before it.
	below, done := run[len(run)-1].Offset+1, ctx.DeferCommit()
	g.producer.Barrier(c.partition, func(err error) {
		if err == nil {
			c.finish(below)
		}
		done(err)
	})
}

func (g *group) foldOne(c *claim, in *topology.Record) error {
	if failpoint.Breached(failpoint.BreachCommits) {
		c.finish(in.Offset + 1)
	}
	failpoint.Reach(failpoint.Fetched)
	rules := g.machine.RulesAt(c.rules, in.Offset)
	if rules > g.machine.MaxRules {
		return g.alarm(alarmRules, "rules %d hold at offset %d of %s/%d, and this binary knows them up to %d: deploy a newer one",
			rules, in.Offset, in.Topic, in.Partition, g.machine.MaxRules)
	}
	row, err := c.store.Get(in.Key)
	if err != nil {
		return err
	}
	in.Panic = c.store.SkippedAt(in.Offset)
	next, out := g.machine.Fold(rules, row, in)
	if in.Panic == "" && len(out) == 1 && out[0].Panic != "" {
		if err := g.skipInput(c, in.Offset, out[0].Panic); err != nil {
			return err
		}
	}
	if next == nil { // something before it is folded
		g.metrics.dropped.Inc()
		return g.after(c, in.Offset, in.Key, false)
	}
	if err := g.check(in, next, out); err != nil {
		return err
	}
	if len(out) > 0 {
		g.producer.Outputs(g.plan.Cause(g.machine.Group, in, 0), in.Inherited(), out)
		g.metrics.outputs.Add(float64(len(out)))
	}
	if err := c.store.Set(in.Key, next); err != nil {
		return err
	}
	g.producer.Row(c.partition, c.store, in.Key, next)
	if in.Key == topology.RulesKey {
		c.rules = next
	}
	g.metrics.folded.Inc()
	return g.after(c, in.Offset, in.Key, true)
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

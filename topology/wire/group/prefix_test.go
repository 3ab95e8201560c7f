// The prefix law: what ends the process, and that nothing follows.

package group

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/logtest"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// refuse answers produce requests for a topic with an error, while on, and counts them.
func refuse(c *kfake.Cluster, topic string, with *kerr.Error, on *atomic.Bool) *atomic.Int64 {
	var count atomic.Int64
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.ProduceRequest)
		if !on.Load() || !concerns(c, req, topic) {
			return nil, nil, false
		}
		count.Add(1)
		answer := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, with.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			answer.Topics = append(answer.Topics, rt)
		}
		return answer, nil, true
	})
	return &count
}

func concerns(c *kfake.Cluster, req *kmsg.ProduceRequest, topic string) bool {
	for _, t := range req.Topics {
		name := t.Topic
		if name == "" {
			if info := c.TopicIDInfo(t.TopicID); info != nil {
				name = info.Topic
			}
		}
		if name == topic {
			return true
		}
	}
	return false
}

func TestFirstFailureEndsTheProcessAndNothingFollows(t *testing.T) {
	table := wiretest.Plan(4, 1).Table(wiretest.GroupOf)
	for name, topic := range map[string]string{"an output": wiretest.Events, "a row": table} {
		t.Run(name, func(t *testing.T) {
			plan := wiretest.Plan(4, 1)
			k := wiretest.Kafka(t, plan)
			var on atomic.Bool
			refuse(k, topic, kerr.MessageTooLarge, &on)
			h := joinDeployment(t, plan, k.ListenAddrs())
			dir := t.TempDir()
			r := start(t, h.config(dir))
			r.awaitReady(t)
			h.Send(200, 20)
			h.Whole()
			on.Store(true)
			h.Send(500, 20)
			require.Error(t, <-r.exits)
			require.Error(t, r.wait(t))
			on.Store(false)
			states := len(h.Read(table))
			start(t, h.config(dir)).awaitReady(t)
			h.Whole()
			h.tableIsWhole()
			require.Greater(t, len(h.Read(table)), states)
		})
	}
}

func TestNoRowBeforeItsOutputsAreInTheLog(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	k := wiretest.Kafka(t, plan)
	h := joinDeployment(t, plan, k.ListenAddrs())
	rows := func() (n int) {
		for _, r := range h.Read(plan.Table(wiretest.GroupOf)) {
			if !law.IsMark(&r) {
				n++
			}
		}
		return n
	}
	var on atomic.Bool
	on.Store(true)
	tries := refuse(k, wiretest.Events, kerr.NotLeaderForPartition, &on) // the producer tries again for ever
	start(t, h.config(t.TempDir())).awaitReady(t)
	h.Send(50, 5)
	h.Await("refusals", func() bool { return tries.Load() >= 5 })
	require.Zero(t, rows(), "outputs are refused, so no row may stand in the changelog")
	on.Store(false)
	h.Whole()
	h.tableIsWhole()
	require.Positive(t, rows())
}

func TestSessionNotDrainedInTimeEndsTheProcess(t *testing.T) {
	plan := wiretest.Plan(4, 1)
	k := wiretest.Kafka(t, plan)
	var hold atomic.Bool
	k.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if hold.Load() && concerns(k, r.(*kmsg.ProduceRequest), wiretest.Events) {
			k.SleepControl(func() {
				for hold.Load() {
					time.Sleep(time.Millisecond)
				}
			})
		}
		return nil, nil, false
	})
	h := joinDeployment(t, plan, k.ListenAddrs())
	cfg := h.config(t.TempDir())
	cfg.Settings.DrainLimit = 300 * time.Millisecond
	r := start(t, cfg)
	r.awaitReady(t)
	hold.Store(true)
	defer hold.Store(false)
	h.Send(50, 20)
	require.Eventually(t, func() bool { return r.partitions() != nil }, wiretest.Timeout, time.Millisecond)
	time.Sleep(200 * time.Millisecond) // until outputs are on their way; too short makes the test weaker, not wrong
	r.cancel()
	require.ErrorContains(t, <-r.exits, "unacked")
	require.Error(t, r.wait(t))
	hold.Store(false)
	start(t, h.config(t.TempDir())).awaitReady(t)
	h.Whole()
}

func TestPanicOfTheWireEndsTheProcess(t *testing.T) {
	h := newDeployment(t, 2)
	cfg := h.config(t.TempDir())
	fold := cfg.Machine.Fold
	var on atomic.Bool
	on.Store(true)
	cfg.Machine.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		if on.Load() && string(in.Value) == logtest.Command(50) {
			panic("a fold that does not catch its own")
		}
		return fold(rules, row, in)
	}
	r := start(t, cfg)
	r.awaitReady(t)
	h.Send(100, 10)
	require.ErrorContains(t, <-r.exits, "does not catch its own")
	require.Error(t, r.wait(t))
	on.Store(false)
	start(t, cfg).awaitReady(t)
	h.Whole()
}

func TestOversizedOutputIsNeverSentByHalves(t *testing.T) {
	h := newDeployment(t, 2)
	cfg := h.config(t.TempDir())
	cfg.Machine.Fold = func(uint32, []byte, *topology.Record) ([]byte, []topology.Output) {
		return []byte{}, []topology.Output{
			{Topic: wiretest.Events, Key: "ann", Value: []byte("small")},
			{Topic: wiretest.Events, Key: "ann", Value: make([]byte, maxRecordBytes+1)},
		}
	}
	r := start(t, cfg)
	r.awaitReady(t)
	h.Send(1, 1)
	require.ErrorContains(t, <-r.exits, "dead letter")
	require.Error(t, r.wait(t))
	require.Empty(t, h.Read(wiretest.Events))
}

func TestManyGroupsInOneProcess(t *testing.T) {
	plan := wiretest.Plan(8, 1)
	base := plan.Groups[0]
	for i, name := range []string{"two", "three", "four", "five"} {
		g := base
		g.Name, g.Number = name, base.Number+uint16(i)+1
		plan.Groups = append(plan.Groups, g)
	}
	h := joinDeployment(t, plan, wiretest.Kafka(t, plan).ListenAddrs())
	dir := t.TempDir()
	begin := time.Now()
	var runners []*runner
	for _, g := range plan.Groups {
		cfg := h.config(dir)
		cfg.Machine.Group = g
		runners = append(runners, start(t, cfg))
	}
	for _, r := range runners {
		r.awaitReady(t)
	}
	t.Logf("five groups of eight partitions were ready after %v", time.Since(begin).Round(time.Millisecond))
	h.Send(200, 20)
	require.Eventually(t, func() bool { return len(h.Read(wiretest.Events)) == 5*2*200 }, wiretest.Timeout, 50*time.Millisecond)
	for _, r := range runners {
		require.NoError(t, r.stop(t))
	}
}

func TestHotStandbyTakesOver(t *testing.T) {
	h := newDeployment(t, 4)
	config := func() Config {
		cfg := h.config(t.TempDir())
		cfg.Settings.HotStandby = true
		return cfg
	}
	one := start(t, config())
	one.awaitReady(t)
	two := start(t, config())
	two.awaitReady(t)
	h.Await("they share", func() bool { return len(one.partitions()) == 2 && len(two.partitions()) == 2 })
	h.Send(500, 40)
	h.Whole()
	require.NoError(t, one.stop(t))
	h.Await("two has all", func() bool { return len(two.partitions()) == 4 })
	h.Send(500, 40)
	require.Zero(t, h.Whole().Repeats)
	h.tableIsWhole()
	require.NoError(t, two.stop(t))
}

func TestStopBeforeReady(t *testing.T) {
	h := newDeployment(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, Run(ctx, h.config(t.TempDir())))
}

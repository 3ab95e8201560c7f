// Takeovers: a late row of a stale owner, a takeover that is refused, and who keeps which record.

package group

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// writeLate appends a row to the changelog as an owner of an older generation would.
func (h *deployment) writeLate(key string, value []byte, generation int64) {
	h.T.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(h.T, err)
	defer client.Close()
	r := &kgo.Record{
		Topic: h.Plan.Table(wiretest.GroupOf), Partition: topology.PartitionOf(key, h.Plan.Partitions), Key: []byte(key), Value: value,
		Headers: []kgo.RecordHeader{{Key: topology.HeaderGeneration, Value: binary.BigEndian.AppendUint64(nil, uint64(generation))}},
	}
	require.NoError(h.T, client.ProduceSync(h.T.Context(), r).FirstErr())
}

// lastRow is the last record of a key in the changelog, with its generation.
func (h *deployment) lastRow(key string) (topology.Record, int64) {
	var last topology.Record
	for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
		if r.Key == key && !law.IsMark(&r) {
			last = r
		}
	}
	return last, int64(binary.BigEndian.Uint64(last.Get(topology.HeaderGeneration)))
}

func (h *deployment) livingTakeovers() (offsets []int64) {
	living := map[string]topology.Record{}
	for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
		if !law.IsMark(&r) {
			continue
		}
		delete(living, r.Key)
		if r.Value != nil {
			living[r.Key] = r
		}
	}
	for _, r := range living {
		offsets = append(offsets, r.Offset)
	}
	return offsets
}

func TestLateRowOfAStaleOwnerIsRepaired(t *testing.T) {
	for name, wipe := range map[string]bool{"with the store": false, "without the store": true} {
		t.Run(name, func(t *testing.T) {
			h := newDeployment(t, 1)
			dir := t.TempDir()
			run := func(commands int, rewrites float64) (suspects, rewound float64) {
				if wipe {
					require.NoError(t, os.RemoveAll(dir))
				}
				registry := prometheus.NewRegistry()
				cfg := h.config(dir)
				cfg.Metrics = registry
				r := start(t, cfg)
				r.awaitReady(t)
				h.Send(commands, 10)
				h.Whole()
				h.Await("rewrites", func() bool { return metricOf(t, registry, "parley_group_rewritten_rows_total", "") == rewrites })
				require.NoError(t, r.stop(t))
				return metricOf(t, registry, "parley_group_suspect_keys_total", ""), metricOf(t, registry, "parley_group_rewound_inputs_total", "")
			}
			run(100, 0)
			first, old := h.lastRow("user3/x")
			run(100, 0)
			_, young := h.lastRow("user3/x")
			require.Less(t, old, young)
			h.writeLate("user3/x", first.Value, old)
			suspects, rewound := run(0, 1)
			require.EqualValues(t, 1, suspects)
			require.EqualValues(t, 6, rewound, "user3's last of 200 inputs is the 194th")
			last, generation := h.lastRow("user3/x")
			require.Greater(t, generation, young)
			n, err := topology.Through(last.Value)
			require.NoError(t, err)
			require.EqualValues(t, 200, n, "it is verified up to the old commit")
			require.Len(t, h.livingTakeovers(), 1)
			suspects, _ = run(100, 0)
			require.Zero(t, suspects)
			h.tableIsWhole()
		})
	}
}

func TestRefusedTakeoverFoldsNothing(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	k := wiretest.Kafka(t, plan)
	h := joinDeployment(t, plan, k.ListenAddrs())
	h.Send(100, 10)
	var refused atomic.Int32
	events := make(chan int, 10)
	k.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if refused.Add(1) > 2 {
			return nil, nil, false
		}
		events <- int(k.PartitionInfo(wiretest.Events, 0).HighWatermark + k.PartitionInfo(wiretest.Events, 1).HighWatermark)
		req := r.(*kmsg.OffsetCommitRequest)
		answer := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, topic := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic = topic.Topic
			for _, p := range topic.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.IllegalGeneration.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			answer.Topics = append(answer.Topics, rt)
		}
		return answer, nil, true
	})
	cfg := h.config(t.TempDir())
	registry := prometheus.NewRegistry()
	cfg.Metrics = registry
	start(t, cfg).awaitReady(t)
	h.Whole()
	require.GreaterOrEqual(t, metricOf(t, registry, "parley_group_fenced_total", ""), 1.0)
	for range 2 {
		require.Zero(t, <-events, "nothing is emitted before a takeover is accepted")
	}
}

// TestRowBetweenRecoveryAndTakeoverIsSeen lets a stale owner write after goka read the changelog, just before the takeover
// record lands: only the reading of the tail can find it.
func TestRowBetweenRecoveryAndTakeoverIsSeen(t *testing.T) {
	plan := wiretest.Plan(1, 1)
	k := wiretest.Kafka(t, plan)
	h := joinDeployment(t, plan, k.ListenAddrs())
	dir := t.TempDir()
	for range 2 {
		r := start(t, h.config(dir))
		r.awaitReady(t)
		h.Send(100, 10)
		h.Whole()
		require.NoError(t, r.stop(t))
	}
	last, young := h.lastRow("user3/x")
	stale, err := topology.WithThrough(last.Value, 1)
	require.NoError(t, err)
	var once atomic.Bool
	k.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if concerns(k, r.(*kmsg.ProduceRequest), h.Plan.Table(wiretest.GroupOf)) && once.CompareAndSwap(false, true) {
			k.SleepControl(func() { h.writeLate("user3/x", stale, young-1) })
		}
		return nil, nil, false
	})
	registry := prometheus.NewRegistry()
	cfg := h.config(dir)
	cfg.Metrics = registry
	start(t, cfg).awaitReady(t)
	require.EqualValues(t, 1, metricOf(t, registry, "parley_group_suspect_keys_total", ""))
	h.Send(100, 10)
	h.Whole()
	h.Await("the last row is this owner's", func() bool {
		_, generation := h.lastRow("user3/x")
		return generation > young
	})
	h.Await("the table", func() bool { last, _ := h.lastRow("user3/x"); n, _ := topology.Through(last.Value); return n == 294 })
	h.tableIsWhole()
}

// TestLateTakeoverOfAStaleOwnerIsVoid lets a stale owner's takeover land between the new owner's and the end of its tail, or
// when it is folding. The rows of the new owner must not look stale to the next one.
func TestLateTakeoverOfAStaleOwnerIsVoid(t *testing.T) {
	for name, folding := range map[string]bool{"before the successor has read": false, "when the successor folds": true} {
		t.Run(name, func(t *testing.T) {
			plan := wiretest.Plan(1, 1)
			k := wiretest.Kafka(t, plan)
			h := joinDeployment(t, plan, k.ListenAddrs())
			run := func(between func()) (suspects float64) {
				registry := prometheus.NewRegistry()
				cfg := h.config(t.TempDir())
				cfg.Metrics = registry
				r := start(t, cfg)
				r.awaitReady(t)
				h.Send(100, 10)
				h.Whole()
				between()
				h.Send(100, 10)
				h.Whole()
				require.NoError(t, r.stop(t))
				return metricOf(t, registry, "parley_group_suspect_keys_total", "")
			}
			nothing := func() {}
			run(nothing)
			first := law.Rank{Era: 0, Generation: 1}
			if folding {
				run(func() { h.succeed(first) })
			} else {
				var announced, late atomic.Bool
				k.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
					k.KeepControl()
					announced.Store(announced.Load() || concerns(k, r.(*kmsg.ProduceRequest), h.Plan.Table(wiretest.GroupOf)))
					return nil, nil, false
				})
				k.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
					k.KeepControl()
					if announced.Load() && late.CompareAndSwap(false, true) { // it asks where the tail ends
						k.SleepControl(func() { h.succeed(first) })
					}
					return nil, nil, false
				})
				run(nothing)
				require.True(t, late.Load())
			}
			require.Len(t, h.livingTakeovers(), 2)
			require.Zero(t, run(nothing), "rows of a true owner look stale")
			require.Len(t, h.livingTakeovers(), 1)
			h.tableIsWhole()
		})
	}
}

// What a follower's gathering saves: batches, each of which costs the store behind it a few round trips.

package follow

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/logtest"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// BenchmarkGather follows records that come one after another, and counts the batches in which they are handled.
func BenchmarkGather(b *testing.B) {
	for _, c := range []struct {
		name   string
		gather time.Duration
	}{{"none", 0}, {"30ms", 30 * time.Millisecond}} {
		b.Run(c.name, func(b *testing.B) {
			h := logtest.New(b, 8)
			var batches, records atomic.Int64
			owned := make(chan struct{}, 1)
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			cfg := Config{
				Cluster: h.Cluster, Plan: h.Plan, Name: "view", Topics: []string{wiretest.Commands}, Gather: c.gather, Log: wiretest.Log(b),
				Owned: func([]topology.TopicPartition) { owned <- struct{}{} },
				Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
					batches.Add(1)
					records.Add(int64(len(batch)))
					return nil
				},
			}
			go func() { ended <- Run(ctx, cfg) }()
			<-owned
			for b.Loop() {
				h.Send(1, 100)
			}
			require.Eventually(b, func() bool { return records.Load() >= int64(b.N) }, wiretest.Timeout, time.Millisecond)
			b.ReportMetric(float64(batches.Load())*1000/float64(b.N), "batches/1000")
			stop()
			require.NoError(b, <-ended)
		})
	}
}

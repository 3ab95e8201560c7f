// What a hop costs: commands through a group, and records through the sender below it, on an in-process Kafka.

package wire

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

const (
	hopBurst = 2_000 // commands on their way at once
	hopSent  = 500   // commands sent at once
)

// BenchmarkGroup takes commands through a group until its outputs are in the log: an operation is one command with its
// row and two outputs.
func BenchmarkGroup(b *testing.B) {
	h := newHouse(b, 8)
	r := start(b, h.config(b.TempDir()))
	<-r.ready
	said := make(chan int, 1_000)
	owned := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Follow(ctx, FollowerConfig{
			Cluster: h.cluster, Plan: h.plan, Name: "reader", Topics: []string{wiretest.Events}, Log: testLog(b),
			Owned: func([]topology.TopicPartition) { owned <- struct{}{} },
			Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
				said <- len(batch)
				return nil
			},
		})
	}()
	<-owned
	const outputs = 2 // of a command
	heard := 0
	n := 0
	for b.Loop() {
		if n++; n%hopSent != 0 {
			continue
		}
		h.send(hopSent, 1_000)
		for h.sent*outputs-heard > hopBurst*outputs {
			heard += <-said
		}
	}
	for heard < h.sent*outputs {
		heard += <-said
	}
	stop()
	require.NoError(b, <-ended)
}

// BenchmarkSender sends records to eight partitions, so many at once, until all are acked.
func BenchmarkSender(b *testing.B) {
	for _, atOnce := range []int{1, 100, 2_000} {
		b.Run(fmt.Sprintf("%d at once", atOnce), func(b *testing.B) {
			plan := wiretest.Plan(8, 1)
			options, err := groupProducerOptions(Settings{Cluster: cluster.Config{Brokers: wiretest.Kafka(b, plan).ListenAddrs()}}, "bench", testLog(b))
			require.NoError(b, err)
			var out sync.WaitGroup
			f, err := newFranz(options, sendHooks{
				acked:  func(*shipment, int64) { out.Done() },
				failed: func(s *shipment, err error) { b.Error(err); out.Done() },
			}, isFinal, nil)
			require.NoError(b, err)
			value := make([]byte, 200)
			n := 0
			for b.Loop() {
				out.Add(1)
				n++
				_ = f.send(&shipment{topic: wiretest.Events, partition: int32(n % 8), key: "user", value: value})
				if n%atOnce == 0 {
					out.Wait()
				}
			}
			out.Wait()
			f.close()
		})
	}
}

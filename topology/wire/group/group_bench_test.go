// What a hop costs: commands through a group, on an in-process Kafka.

package group

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/follow"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

const (
	hopBurst = 2_000 // commands on their way at once
	hopSent  = 500   // commands sent at once
)

// BenchmarkGroup takes commands through a group until its outputs are in the log: an operation is one command with its
// row and two outputs.
func BenchmarkGroup(b *testing.B) {
	h := newDeployment(b, 8)
	r := start(b, h.config(b.TempDir()))
	<-r.ready
	batches := make(chan int, 1_000)
	owned := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- follow.Run(ctx, follow.Config{
			Cluster: h.Cluster, Plan: h.Plan, Name: "reader", Topics: []string{wiretest.Events}, Log: wiretest.Log(b),
			Owned: func([]topology.TopicPartition) { owned <- struct{}{} },
			Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
				batches <- len(batch)
				return nil
			},
		})
	}()
	<-owned
	const outputs = 2 // of a command
	handled := 0
	n := 0
	for b.Loop() {
		if n++; n%hopSent != 0 {
			continue
		}
		h.Send(hopSent, 1_000)
		for h.Sent*outputs-handled > hopBurst*outputs {
			handled += <-batches
		}
	}
	for handled < h.Sent*outputs {
		handled += <-batches
	}
	stop()
	require.NoError(b, <-ended)
}

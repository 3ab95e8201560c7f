// The views on the stores of one's own machine, asked over a real Kitex connection.

package views

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	"github.com/parley-im/parley/topology"
)

// house is all views of a plan over one pair of stores, fed by hand.
type house struct {
	t       testing.TB
	plan    topology.Plan
	stores  Stores
	runners map[string]*runner
}

func ownStores(t testing.TB, plan topology.Plan) (Stores, *miniredis.Miniredis) {
	server := miniredis.RunT(t)
	stores, err := Open(t.Context(), StoreSettings{
		Plan: plan, Redis: server.Addr(), Documents: Pebble, PebbleDir: t.TempDir(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	return stores, server
}

func newHouse(t testing.TB, plan topology.Plan, stores Stores) *house {
	h := &house{t: t, plan: plan, stores: stores, runners: map[string]*runner{}}
	for _, view := range plan.Views {
		r, err := newRunner(Config{Plan: plan, View: view.Name, Stores: stores}, view)
		require.NoError(t, err)
		h.runners[view.Name] = r
		for partition := range plan.Partitions {
			_, err := r.start(t.Context(), partition)
			require.NoError(t, err)
		}
	}
	return h
}

// fold does what a follower does with what the log holds now: batches from where each view stands, back when told so.
func (h *house) fold(log map[string]map[int32][]topology.Record, size int) {
	for _, view := range h.plan.Views {
		for partition := range h.plan.Partitions {
			h.foldPartition(h.runners[view.Name], log[view.Input[0]][partition], partition, size)
		}
	}
}

func (h *house) foldPartition(r *runner, records []topology.Record, partition int32, size int) {
	next := int(r.partitions[partition].next)
	for {
		batch := records[min(next, len(records)):min(next+size, len(records))]
		err := r.handle(h.t.Context(), partition, batch)
		var rewind *Rewind
		if errors.As(err, &rewind) {
			next = int(rewind.Offset)
			continue
		}
		require.NoError(h.t, err)
		if len(batch) == 0 {
			return
		}
		next += len(batch)
	}
}

// serve starts the query service on a port of its own.
func serve(t testing.TB, stores Stores) queryservice.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ServeOn(ctx, listener, stores) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	client, err := Dial(listener.Addr().String())
	require.NoError(t, err)
	return client
}

// All views of a plan over one pair of stores, fed by hand.

package viewtest

import (
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
)

// Views is all views of a plan over one pair of stores.
type Views struct {
	Projectors map[string]*views.Projector

	t    testing.TB
	plan topology.Plan
}

// OwnStores opens stores of this process: miniredis, and Pebble in a folder that goes with the test.
func OwnStores(t testing.TB, plan topology.Plan) (views.Stores, *miniredis.Miniredis) {
	server := miniredis.RunT(t)
	stores, err := views.Open(t.Context(), views.StoreSettings{
		Plan: plan, Redis: server.Addr(), Documents: views.Pebble, PebbleDir: t.TempDir(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	return stores, server
}

// NewViews starts every partition of every view.
func NewViews(t testing.TB, plan topology.Plan, stores views.Stores) *Views {
	v := &Views{Projectors: map[string]*views.Projector{}, t: t, plan: plan}
	for _, view := range plan.Views {
		p, err := views.NewProjector(views.Config{Plan: plan, View: view.Name, Stores: stores})
		require.NoError(t, err)
		v.Projectors[view.Name] = p
		for partition := range plan.Partitions {
			_, err := p.Start(t.Context(), partition)
			require.NoError(t, err)
		}
	}
	return v
}

// Fold does what a follower does with what the log holds now: batches from where each view is, back when a store has lost
// something.
func (v *Views) Fold(log Log, size int) {
	for _, view := range v.plan.Views {
		for partition := range v.plan.Partitions {
			for v.Step(view, log[view.Input[0]][partition], partition, size) > 0 {
			}
		}
	}
}

// Step folds at most size of a partition's records from where the view is, and returns how many there were to fold. After a
// rewind it is at least 1.
func (v *Views) Step(view topology.View, records []topology.Record, partition int32, size int) int {
	p := v.Projectors[view.Name]
	next := int(p.Next(partition))
	batch := records[min(next, len(records)):min(next+size, len(records))]
	err := p.Handle(v.t.Context(), partition, batch)
	if rewind := (*views.Rewind)(nil); errors.As(err, &rewind) {
		return max(len(batch), 1)
	}
	require.NoError(v.t, err)
	return len(batch)
}

// Try folds like Fold until something fails.
func (v *Views) Try(log Log, size int) error {
	for _, view := range v.plan.Views {
		for partition := range v.plan.Partitions {
			p, records := v.Projectors[view.Name], log[view.Input[0]][partition]
			for next := int(p.Next(partition)); next < len(records); next += size {
				if err := p.Handle(v.t.Context(), partition, records[next:min(next+size, len(records))]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// The views on a Kafka: begun, stopped, begun again, robbed of their store.

package views

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// patience is how long a test waits for what must come; only a failing test waits that long.
const patience = time.Minute

// kafka is a Kafka in this process, to which a tale is told as far as it goes.
type kafka struct {
	t       testing.TB
	cluster wire.Cluster
	told    int
}

func newKafka(t testing.TB, plan topology.Plan) *kafka {
	return &kafka{t: t, cluster: wire.Cluster{Brokers: wiretest.Kafka(t, plan).ListenAddrs()}}
}

// tell produces what the tale has told since.
func (k *kafka) tell(told *tale) {
	emitter, err := wire.NewEmitter(wire.EmitterConfig{Cluster: k.cluster, Plan: told.plan, Name: "tale"})
	require.NoError(k.t, err)
	for _, record := range told.everything[k.told:] {
		require.NoError(k.t, emitter.Emit(record.Topic, record.Key, record.Value, nil, func(at wire.Position, err error) {
			if err != nil || at.Partition != record.Partition || at.Offset != record.Offset {
				k.t.Errorf("%s/%d %d was written at %v: %v", record.Topic, record.Partition, record.Offset, at, err)
			}
		}))
	}
	k.told = len(told.everything)
	require.NoError(k.t, emitter.Close(patience))
}

// run runs all views until stop is called.
func (k *kafka) run(plan topology.Plan, stores Stores) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var all errgroup.Group
	for _, view := range plan.Views {
		all.Go(func() error {
			return Run(ctx, Config{Plan: plan, View: view.Name, Stores: stores, Follow: FollowWire(FollowSettings{
				Cluster: k.cluster, Plan: plan, LookEvery: 100 * time.Millisecond})})
		})
	}
	stop = func() error { cancel(); return all.Wait() }
	k.t.Cleanup(func() { _ = stop() })
	return stop
}

func (k *kafka) await(told *tale, stores Stores) {
	k.t.Helper()
	want := straight(k.t, told)
	require.Eventually(k.t, func() bool { return dump(k.t, stores, told) == want }, patience, 50*time.Millisecond)
}

func TestViewsFollowKafkaFromWhereTheirStoreStands(t *testing.T) {
	told := everyday(t)
	k := newKafka(t, told.plan)
	k.tell(told)
	stores, server := ownStores(t, told.plan)
	stop := k.run(told.plan, stores)
	k.await(told, stores)

	server.FlushAll() // in a quiet house
	k.await(told, stores)

	server.FlushAll() // while people talk
	told.messages(conversationOne, "ann", 40)
	k.tell(told)
	k.await(told, stores)

	require.NoError(t, stop())
	told.messages(conversationOne, "cid", 40)
	k.tell(told)
	server.FlushAll() // while no view runs
	stop = k.run(told.plan, stores)
	k.await(told, stores)
	require.NoError(t, stop())

	fresh, _ := ownStores(t, told.plan) // the commits say that all is done; the stores know better
	stop = k.run(told.plan, fresh)
	k.await(told, fresh)
	require.NoError(t, stop())
}

func TestAStoreAheadOfTheLogIsAnAlarm(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, stores).fold(told.log, 10)
	k := newKafka(t, told.plan) // topics made anew: empty
	require.ErrorIs(t, Run(t.Context(), Config{Plan: told.plan, View: "history", Stores: stores,
		Follow: FollowWire(FollowSettings{Cluster: k.cluster, Plan: told.plan})}), wire.ErrAlarm)
}

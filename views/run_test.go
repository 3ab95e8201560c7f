// The views on a Kafka: started, stopped, started again, with stores that lose everything.

package views_test

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/viewtest"
)

// patience is how long a test waits for what must come; only a failing test waits so long.
const patience = time.Minute

// kafka is a Kafka in this process, to which a scenario is produced as far as it goes.
type kafka struct {
	t        testing.TB
	cluster  wire.Cluster
	produced int
}

func newKafka(t testing.TB, plan topology.Plan) *kafka {
	return &kafka{t: t, cluster: wire.Cluster{Brokers: wiretest.Kafka(t, plan).ListenAddrs()}}
}

// produce produces what the scenario has written since.
func (k *kafka) produce(s *viewtest.Scenario) {
	emitter, err := wire.NewEmitter(wire.EmitterConfig{Cluster: k.cluster, Plan: s.Plan, Name: "scenario"})
	require.NoError(k.t, err)
	for _, record := range s.Records[k.produced:] {
		require.NoError(k.t, emitter.Emit(record.Topic, record.Key, record.Value, nil, func(at wire.Position, err error) {
			if err != nil || at.Partition != record.Partition || at.Offset != record.Offset {
				k.t.Errorf("%s/%d %d was written at %v: %v", record.Topic, record.Partition, record.Offset, at, err)
			}
		}))
	}
	k.produced = len(s.Records)
	require.NoError(k.t, emitter.Close(patience))
}

// run runs all views until stop is called.
func (k *kafka) run(plan topology.Plan, stores views.Stores) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	var all errgroup.Group
	for _, view := range plan.Views {
		all.Go(func() error {
			return views.Run(ctx, views.Config{Plan: plan, View: view.Name, Stores: stores}, views.FollowWire(views.FollowSettings{
				Cluster: k.cluster, Plan: plan, PollInterval: 100 * time.Millisecond}))
		})
	}
	stop = func() error { cancel(); return all.Wait() }
	k.t.Cleanup(func() { _ = stop() })
	return stop
}

func (k *kafka) await(s *viewtest.Scenario, stores views.Stores) {
	k.t.Helper()
	want := viewtest.Straight(k.t, s)
	require.Eventually(k.t, func() bool { return viewtest.Dump(k.t, stores, s) == want }, patience, 50*time.Millisecond)
}

func TestViewsFollowKafkaFromTheirCheckpoints(t *testing.T) {
	s := viewtest.Everyday(t)
	k := newKafka(t, s.Plan)
	k.produce(s)
	stores, server := viewtest.OwnStores(t, s.Plan)
	stop := k.run(s.Plan, stores)
	k.await(s, stores)

	server.FlushAll() // while the log is quiet
	k.await(s, stores)

	server.FlushAll() // while the log grows
	s.Messages(viewtest.GroupOne, "ann", 40)
	k.produce(s)
	k.await(s, stores)

	require.NoError(t, stop())
	s.Messages(viewtest.GroupOne, "cid", 40)
	k.produce(s)
	server.FlushAll() // while no view runs
	stop = k.run(s.Plan, stores)
	k.await(s, stores)
	require.NoError(t, stop())

	fresh, _ := viewtest.OwnStores(t, s.Plan) // the committed offsets are at the end; the stores are empty
	stop = k.run(s.Plan, fresh)
	k.await(s, fresh)
	require.NoError(t, stop())
}

func TestAStoreAheadOfTheLogIsAnAlarm(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 10)
	k := newKafka(t, s.Plan) // topics made anew: empty
	require.ErrorIs(t, views.Run(t.Context(), views.Config{Plan: s.Plan, View: "history", Stores: stores},
		views.FollowWire(views.FollowSettings{Cluster: k.cluster, Plan: s.Plan})), wire.ErrAlarm)
}

func TestStoresMayBeKilledAndFrozen(t *testing.T) {
	s := viewtest.Everyday(t)
	k := newKafka(t, s.Plan)
	k.produce(s)
	lists, documents := servers.Redis(t, servers.Own()), servers.Mongo(t, servers.OnDisk())
	stores, err := views.Open(t.Context(), views.StoreSettings{Plan: s.Plan, Redis: lists.Addr, Documents: views.Mongo, MongoURI: documents.URI})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	stop := k.run(s.Plan, stores)
	k.await(s, stores)

	require.NoError(t, lists.Kill()) // it keeps no file: it comes back empty
	require.NoError(t, documents.Kill())
	s.Messages(viewtest.GroupOne, "ann", 30)
	k.produce(s)
	require.NoError(t, lists.Start())
	require.NoError(t, documents.Start())
	k.await(s, stores)

	require.NoError(t, lists.Pause()) // longer than a reply may take
	s.Messages(viewtest.GroupOne, "cid", 30)
	k.produce(s)
	time.Sleep(5 * time.Second)
	require.NoError(t, lists.Resume())
	k.await(s, stores)
	require.NoError(t, stop())

	// Everything of a partition is in one slot, and nothing is in Redis that no view put there.
	direct := goredis.NewClient(&goredis.Options{Addr: lists.Addr, Protocol: 2})
	defer direct.Close()
	found, err := direct.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	for _, key := range found {
		require.Regexp(t, `^(inbox|conversations|order|marks|presence|position):\{[0-3]\}:`, key)
	}
}

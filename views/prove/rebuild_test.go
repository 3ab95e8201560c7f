// Rebuilding while the log grows, followers fold and questions are asked: nothing is missing, nothing is there twice, a
// rebuild that was stopped goes on, and there is a way back.

package prove

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/viewtest"
)

// testPatience is how long anything may take before a test gives up.
const testPatience = 60 * time.Second

// growing is a scenario of which more and more is in the log.
type growing struct {
	*viewtest.Scenario
	size atomic.Int64 // records that are in the log
}

// upTo are the records of a partition from an offset that were in the log by now.
func (g *growing) upTo(topic string, partition int32, from int64) (records []topology.Record) {
	for _, r := range g.Records[:g.size.Load()] {
		if r.Topic == topic && r.Partition == partition && r.Offset >= from {
			records = append(records, r)
		}
	}
	return records
}

// follow is a views.Follower.
func (g *growing) follow(ctx context.Context, view topology.View,
	start func(context.Context, int32) (int64, error), handle func(context.Context, int32, []topology.Record) error,
) error {
	next := map[int32]int64{}
	for partition := range g.Plan.Partitions {
		checkpoint, err := start(ctx, partition)
		if err != nil {
			return err
		}
		next[partition] = checkpoint
	}
	for ctx.Err() == nil {
		for partition := range g.Plan.Partitions {
			batch := g.upTo(view.Input[0], partition, next[partition])
			batch = batch[:min(len(batch), 9)]
			err := handle(ctx, partition, batch)
			if back := (*views.Rewind)(nil); errors.As(err, &back) {
				next[partition] = back.Offset
			} else if err == nil {
				next[partition] += int64(len(batch))
			} else if ctx.Err() == nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// config rebuilds a view of the scenario.
func (g *growing) config(view string, stores views.Stores) RebuildConfig {
	return RebuildConfig{
		Plan: g.Plan, View: view, Stores: stores, Notice: 50 * time.Millisecond,
		Read: func(_ context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error {
			for _, r := range g.upTo(topic, partition, from) {
				if r.Offset < to {
					if err := each(&r); err != nil {
						return err
					}
				}
			}
			return nil
		},
		ReadAll: func(ctx context.Context, topic string, from map[int32]int64, each func(*topology.Record) error) error {
			for partition := range g.Plan.Partitions {
				for _, r := range g.upTo(topic, partition, from[partition]) {
					if err := errors.Join(ctx.Err(), each(&r)); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Ends: func(_ context.Context, topic string) (begins, ends map[int32]int64, err error) {
			begins, ends = map[int32]int64{}, map[int32]int64{}
			for partition := range g.Plan.Partitions {
				ends[partition] = int64(len(g.upTo(topic, partition, 0)))
			}
			return begins, ends, nil
		},
	}
}

// live runs followers of every view until the test ends, and lets the log grow. rest waits until everything is folded.
func (g *growing) live(t *testing.T, stores views.Stores) (rest func()) {
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, view := range g.Plan.Views {
		all.Go(func() {
			if err := views.Run(ctx, views.Config{Plan: g.Plan, View: view.Name, Stores: stores}, g.follow); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil && g.size.Load() < int64(len(g.Records)) {
			g.size.Add(1)
			time.Sleep(4 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); all.Wait() })
	want := viewtest.Straight(t, g.Scenario)
	return func() {
		for end := time.Now().Add(testPatience); ; time.Sleep(50 * time.Millisecond) {
			if now := viewtest.Dump(t, stores.Now(ctx), g.Scenario); now == want || time.Now().After(end) {
				require.Equal(t, want, now)
				return
			}
		}
	}
}

// eachStore runs a test on stores of this process and on real ones.
func eachStore(t *testing.T, plan topology.Plan, test func(t *testing.T, stores views.Stores, redis string)) {
	t.Run("embedded", func(t *testing.T) {
		stores, server := viewtest.OwnStores(t, plan)
		test(t, stores, server.Addr())
	})
	t.Run("real", func(t *testing.T) {
		own := servers.Redis(t, servers.Own())
		stores, err := views.Open(t.Context(), views.StoreSettings{Plan: plan, Redis: own.Addr, Documents: views.Mongo, MongoURI: servers.Mongo(t, servers.Own()).URI + "/rebuilt"})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, stores.Close()) })
		test(t, stores, own.Addr)
	})
}

func TestViewsAreRebuiltWhileTheyAreUsed(t *testing.T) {
	s := viewtest.Everyday(t)
	eachStore(t, s.Plan, func(t *testing.T, stores views.Stores, redis string) {
		g := &growing{Scenario: s}
		g.size.Store(int64(len(s.Records) / 3))
		rest := g.live(t, stores)
		ask := viewtest.Serve(t, stores)
		for _, view := range s.Plan.Views {
			report, err := Rebuild(t.Context(), g.config(view.Name, stores))
			require.NoError(t, err)
			require.True(t, report.Switched)
			require.Zero(t, report.Comparison.Total, "%v", report.Comparison.Differences)
			require.Equal(t, 2, report.To)
			contiguous(t, ask)
		}
		rest()
		for _, view := range s.Plan.Views {
			config := g.config(view.Name, stores)
			config.Back = true
			report, err := Rebuild(t.Context(), config)
			require.NoError(t, err)
			require.True(t, report.Switched, "%v", report.Comparison.Differences)
			require.Equal(t, 1, report.To)
			contiguous(t, ask)
		}
		for _, view := range s.Plan.Views {
			require.ErrorContains(t, DropGeneration(t.Context(), s.Plan, stores, view.Name, 1), "is the one that is read")
			require.NoError(t, DropGeneration(t.Context(), s.Plan, stores, view.Name, 2))
		}
		rest()
		direct := goredis.NewClient(&goredis.Options{Addr: redis, Protocol: 2})
		defer direct.Close()
		left, err := direct.Keys(t.Context(), "g2:*").Result()
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// contiguous asks for an inbox: whatever generation answers, nothing is missing in it.
func contiguous(t *testing.T, ask viewtest.Client) {
	for range 20 {
		answer := ask.Difference("cid", 0, 0, 500)
		for i, e := range answer.Events {
			require.EqualValues(t, i+1, e.InboxSeq)
		}
		require.LessOrEqual(t, uint64(len(answer.Events)), answer.Head.InboxSeq)
	}
}

func TestARebuildThatWasStoppedGoesOn(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	g := &growing{Scenario: s}
	g.size.Store(int64(len(s.Records)))
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
	ctx, kill := context.WithCancel(t.Context())
	config := g.config("inbox", stores)
	config.Progress = func(done, of int64) {
		require.LessOrEqual(t, done, of)
		kill()
	}
	_, err := Rebuild(ctx, config)
	require.ErrorIs(t, err, context.Canceled)
	_, err = Rebuild(t.Context(), g.config("nothing", stores))
	require.ErrorContains(t, err, "views list")
	view, _ := s.Plan.View("inbox")
	p, err := stores.PointerOf(t.Context(), view)
	require.NoError(t, err)
	require.Equal(t, 1, p.Current)
	require.Equal(t, store.Building, p.List[1].State)
	below, err := stores.Folded(t.Context(), s.Plan, view, 2)
	require.NoError(t, err)
	require.Positive(t, below)

	report, err := Rebuild(t.Context(), g.config("inbox", stores))
	require.NoError(t, err)
	require.True(t, report.Switched, "%v", report.Comparison.Differences)
	require.Equal(t, 2, report.To)
	all := int64(0)
	for _, records := range s.Log["inbox.events"] {
		all += int64(len(records))
	}
	require.Equal(t, all, report.Records+below, "what was folded before is not folded again")
	require.Equal(t, viewtest.Straight(t, s), viewtest.Dump(t, stores.Now(t.Context()), s))
}

func TestWhatDiffersIsNotSwitchedTo(t *testing.T) {
	s := viewtest.Everyday(t)
	eachStore(t, s.Plan, func(t *testing.T, stores views.Stores, redis string) {
		viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
		direct := goredis.NewClient(&goredis.Options{Addr: redis, Protocol: 2})
		defer direct.Close()
		require.NoError(t, direct.Del(t.Context(), "presence:"+"{"+partitionDigit(s, "ann")+"}:ann").Err())
		require.NoError(t, stores.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: viewtest.GroupOne,
			Messages: []*pb.HistoryMessage{{Number: 3, Seq: 900, Sender: "mallory"}}}}))
		g := &growing{Scenario: s}
		g.size.Store(int64(len(s.Records)))
		for _, name := range []string{"presence", "history"} {
			report, err := Rebuild(t.Context(), g.config(name, stores))
			require.NoError(t, err)
			require.False(t, report.Switched)
			require.Equal(t, 1, report.Comparison.Total, "%v", report.Comparison.Differences)
			config := g.config(name, stores)
			config.Accept = true
			report, err = Rebuild(t.Context(), config)
			require.NoError(t, err)
			require.True(t, report.Switched)
			require.Zero(t, report.Records, "it was built already")
		}
		time.Sleep(views.PointerInterval) // not asserted: readers may take so long to notice
		require.Equal(t, viewtest.Straight(t, s), viewtest.Dump(t, stores.Now(t.Context()), s))
	})
}

func partitionDigit(s *viewtest.Scenario, user string) string {
	return string(rune('0' + topology.PartitionOf(user, s.Plan.Partitions)))
}

// Rebuilding while people speak, followers fold and questions are asked: nothing is missing, nothing is there twice, a rebuild
// that was stopped goes on, and there is a way back.

package views

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
	"github.com/parley-im/parley/views/store"
)

// testPatience is how long anything may take before a test gives up.
const testPatience = 60 * time.Second

// growing is a tale of which more and more has been said.
type growing struct {
	*tale
	said atomic.Int64 // records of everything
}

// upTo are the records of a partition from an offset that were said by now.
func (g *growing) upTo(topic string, partition int32, from int64) (records []topology.Record) {
	for _, r := range g.everything[:g.said.Load()] {
		if r.Topic == topic && r.Partition == partition && r.Offset >= from {
			records = append(records, r)
		}
	}
	return records
}

// follow is a Follower.
func (g *growing) follow(ctx context.Context, view topology.View, start startFunc, handle handleFunc) error {
	next := map[int32]int64{}
	for partition := range g.plan.Partitions {
		place, err := start(ctx, partition)
		if err != nil {
			return err
		}
		next[partition] = place
	}
	for ctx.Err() == nil {
		for partition := range g.plan.Partitions {
			batch := g.upTo(view.Input[0], partition, next[partition])
			batch = batch[:min(len(batch), 9)]
			err := handle(ctx, partition, batch)
			if back := (*Rewind)(nil); errors.As(err, &back) {
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

// config rebuilds a view of the tale.
func (g *growing) config(view string, stores Stores) RebuildConfig {
	return RebuildConfig{
		Plan: g.plan, View: view, Stores: stores, TakeOver: 50 * time.Millisecond,
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
			for partition := range g.plan.Partitions {
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
			for partition := range g.plan.Partitions {
				ends[partition] = int64(len(g.upTo(topic, partition, 0)))
			}
			return begins, ends, nil
		},
	}
}

// live runs followers of every view until the test ends, and lets the tale go on. rest waits until everything is folded.
func (g *growing) live(t *testing.T, stores Stores) (rest func()) {
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, view := range g.plan.Views {
		all.Go(func() {
			if err := Run(ctx, Config{Plan: g.plan, View: view.Name, Stores: stores, Follow: g.follow}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil && g.said.Load() < int64(len(g.everything)) {
			g.said.Add(1)
			time.Sleep(4 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); all.Wait() })
	want := straight(t, g.tale)
	return func() {
		for end := time.Now().Add(testPatience); ; time.Sleep(50 * time.Millisecond) {
			if now := dump(t, stores.Now(ctx), g.tale); now == want || time.Now().After(end) {
				require.Equal(t, want, now)
				return
			}
		}
	}
}

// eachStore runs a test on the stores of one's own machine and on real ones.
func eachStore(t *testing.T, plan topology.Plan, test func(t *testing.T, stores Stores, redis string)) {
	t.Run("embedded", func(t *testing.T) {
		stores, server := ownStores(t, plan)
		test(t, stores, server.Addr())
	})
	t.Run("real", func(t *testing.T) {
		own := servers.Redis(t, servers.Own())
		stores, err := Open(t.Context(), StoreSettings{Plan: plan, Redis: own.Addr, Documents: Mongo, MongoURI: servers.Mongo(t, servers.Own()).URI + "/rebuilt"})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, stores.Close()) })
		test(t, stores, own.Addr)
	})
}

func TestViewsAreRebuiltWhileTheyAreUsed(t *testing.T) {
	told := everyday(t)
	eachStore(t, told.plan, func(t *testing.T, stores Stores, redis string) {
		g := &growing{tale: told}
		g.said.Store(int64(len(told.everything) / 3))
		rest := g.live(t, stores)
		ask := asker{t, serve(t, stores)}
		for _, view := range told.plan.Views {
			report, err := Rebuild(t.Context(), g.config(view.Name, stores))
			require.NoError(t, err)
			require.True(t, report.Switched)
			require.Zero(t, report.Comparison.Total, "%v", report.Comparison.Differences)
			require.Equal(t, 2, report.To)
			contiguous(t, ask)
		}
		rest()
		for _, view := range told.plan.Views {
			config := g.config(view.Name, stores)
			config.Back = true
			report, err := Rebuild(t.Context(), config)
			require.NoError(t, err)
			require.True(t, report.Switched, "%v", report.Comparison.Differences)
			require.Equal(t, 1, report.To)
			contiguous(t, ask)
		}
		for _, view := range told.plan.Views {
			require.ErrorContains(t, DropGeneration(t.Context(), told.plan, stores, view.Name, 1), "is the one that is read")
			require.NoError(t, DropGeneration(t.Context(), told.plan, stores, view.Name, 2))
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
func contiguous(t *testing.T, ask asker) {
	for range 20 {
		answer := ask.difference("cid", 0, 0, 500)
		for i, e := range answer.Events {
			require.EqualValues(t, i+1, e.InboxSeq)
		}
		require.LessOrEqual(t, uint64(len(answer.Events)), answer.Head.InboxSeq)
	}
}

func TestARebuildThatWasStoppedGoesOn(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	g := &growing{tale: told}
	g.said.Store(int64(len(told.everything)))
	newHouse(t, told.plan, stores).fold(told.log, 50)
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
	view, _ := told.plan.View("inbox")
	p, err := stores.PointerOf(t.Context(), view)
	require.NoError(t, err)
	require.Equal(t, 1, p.Current)
	require.Equal(t, store.Building, p.List[1].State)
	below, err := stores.Folded(t.Context(), told.plan, view, 2)
	require.NoError(t, err)
	require.Positive(t, below)

	report, err := Rebuild(t.Context(), g.config("inbox", stores))
	require.NoError(t, err)
	require.True(t, report.Switched, "%v", report.Comparison.Differences)
	require.Equal(t, 2, report.To)
	all := int64(0)
	for _, records := range told.log["inbox.events"] {
		all += int64(len(records))
	}
	require.Equal(t, all, report.Records+below, "what was folded before is not folded again")
	require.Equal(t, straight(t, told), dump(t, stores.Now(t.Context()), told))
}

func TestWhatDiffersIsNotSwitchedTo(t *testing.T) {
	told := everyday(t)
	eachStore(t, told.plan, func(t *testing.T, stores Stores, redis string) {
		newHouse(t, told.plan, stores).fold(told.log, 50)
		direct := goredis.NewClient(&goredis.Options{Addr: redis, Protocol: 2})
		defer direct.Close()
		require.NoError(t, direct.Del(t.Context(), "presence:"+"{"+partitionWord(told, "ann")+"}:ann").Err())
		require.NoError(t, stores.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: conversationOne,
			Messages: []*pb.HistoryMessage{{Number: 3, Seq: 900, Sender: "mallory"}}}}))
		g := &growing{tale: told}
		g.said.Store(int64(len(told.everything)))
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
		time.Sleep(PointerInterval) // not asserted: readers may take so long to notice
		require.Equal(t, straight(t, told), dump(t, stores.Now(t.Context()), told))
	})
}

func partitionWord(told *tale, user string) string {
	return string(rune('0' + topology.PartitionOf(user, told.plan.Partitions)))
}

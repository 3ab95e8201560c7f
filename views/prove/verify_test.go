// A comparison of views with the log finds every kind of difference, and none where there is none.

package prove

import (
	"context"
	"fmt"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/viewtest"
)

// against is a comparison with a scenario's log.
func against(t *testing.T, s *viewtest.Scenario, live views.Stores) VerifyConfig {
	fresh, _ := viewtest.OwnStores(t, s.Plan)
	return VerifyConfig{
		Plan: s.Plan, Live: live, Fresh: fresh,
		Read: func(_ context.Context, topic string, partition int32, from, to int64, each func(*topology.Record) error) error {
			for _, r := range s.Log[topic][partition] {
				if r.Offset >= from && r.Offset < to {
					if err := each(&r); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// compare verifies stores against a scenario's log.
func compare(t *testing.T, s *viewtest.Scenario, live views.Stores) *VerifyReport {
	report, err := Verify(t.Context(), against(t, s, live))
	require.NoError(t, err)
	return report
}

// Documents that only their own process can read are compared by what it answers.
func TestAnswersAreComparedWithTheLog(t *testing.T) {
	s := viewtest.Everyday(t)
	for name, c := range map[string]struct {
		view string
		harm func(store.Documents) error
	}{
		"": {"", func(store.Documents) error { return nil }},
		"a message is another": {"history", func(d store.Documents) error {
			return d.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: viewtest.GroupOne,
				Messages: []*pb.HistoryMessage{{Number: 90, Seq: 900, Sender: "mallory"}}}})
		}},
		"a conversation is another": {"history", func(d store.Documents) error {
			return d.PutConversations(t.Context(), []*pb.ConversationDocument{{Conversation: viewtest.GroupOne, Seq: 5000}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // what differs is given time
			stores, _ := viewtest.OwnStores(t, s.Plan)
			viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
			require.NoError(t, c.harm(stores.Documents))
			config := against(t, s, views.Stores{Lists: stores.Lists})
			report, err := Verify(t.Context(), config)
			require.NoError(t, err)
			ends := func(_ context.Context, topic string) (map[int32]int64, error) {
				found := map[int32]int64{}
				for partition, records := range s.Log[topic] {
					found[partition] = int64(len(records))
				}
				return found, nil
			}
			require.NoError(t, VerifyAnswers(t.Context(), config, report, viewtest.Serve(t, stores).Stub, ends))
			require.Equal(t, c.view != "", report.Total > 0, "%v", report.Differences)
			for _, d := range report.Differences {
				require.Equal(t, c.view, d.View)
			}
			require.Positive(t, report.Keys["history"])
			require.Positive(t, report.Keys["people"])
		})
	}
}

func TestViewsAreComparedWithTheLog(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 7)
	report := compare(t, s, stores)
	require.Zero(t, report.Total, "%v", report.Differences)
	for _, view := range s.Plan.Views {
		require.Positive(t, report.Keys[view.Name], view.Name)
	}
}

// A view that is behind is compared as far as it is.
func TestAViewThatIsBehindIsNoDifference(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	v := viewtest.NewViews(t, s.Plan, stores)
	for _, view := range s.Plan.Views {
		for partition := range s.Plan.Partitions {
			records := s.Log[view.Input[0]][partition]
			if half := records[:len(records)/2]; len(half) > 0 {
				require.NoError(t, v.Projectors[view.Name].Handle(t.Context(), partition, half))
			}
		}
	}
	report := compare(t, s, stores)
	require.Zero(t, report.Total, "%v", report.Differences)
}

func TestRealStoresAreCompared(t *testing.T) {
	s := viewtest.Everyday(t)
	kind := servers.Redis(t, servers.Own())
	stores, err := views.Open(t.Context(), views.StoreSettings{Plan: s.Plan, Redis: kind.Addr, Documents: views.Mongo, MongoURI: servers.Mongo(t).URI + "/compared"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stores.Close()) })
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
	report := compare(t, s, stores)
	require.Zero(t, report.Total, "%v", report.Differences)
	require.NoError(t, stores.Documents.PutPeople(t.Context(), []*pb.Person{{User: "nobody", Exists: true, Version: 1}}))
	require.Equal(t, 1, compare(t, s, stores).Total)
}

func TestEveryDifferenceIsFound(t *testing.T) {
	s := viewtest.Everyday(t)
	tag := func(user string) string {
		return fmt.Sprintf("{%d}:", topology.PartitionOf(user, s.Plan.Partitions))
	}
	do := func(command ...any) func(*testing.T, views.Stores, *goredis.Client) {
		return func(t *testing.T, _ views.Stores, direct *goredis.Client) {
			require.NoError(t, direct.Do(t.Context(), command...).Err())
		}
	}
	put := func(number uint64) func(*testing.T, views.Stores, *goredis.Client) {
		return func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: viewtest.GroupOne,
				Messages: []*pb.HistoryMessage{{Number: number, Seq: 900, Sender: "mallory"}}}}))
		}
	}
	for name, c := range map[string]struct {
		view string
		harm func(*testing.T, views.Stores, *goredis.Client)
	}{
		"an inbox is gone":          {"inbox", do("DEL", "inbox:"+tag("bob")+"bob")},
		"an inbox lost its first":   {"inbox", do("XTRIM", "inbox:"+tag("bob")+"bob", "MAXLEN", "3")},
		"a head is another":         {"inbox", do("HSET", "inbox:"+tag("bob")+"bob:head", "inbox_seq", "7")},
		"an order is another":       {"inbox", do("ZADD", "order:"+tag("bob")+"bob", "1", viewtest.GroupOne)},
		"a mark too many":           {"bookmark", do("HSET", "marks:"+tag("bob")+viewtest.GroupOne, "nobody", "x")},
		"a lease is gone":           {"presence", do("DEL", "presence:"+tag("ann")+"ann")},
		"a key that no view writes": {"?", do("HSET", "games:"+tag("bob")+"bob", "x", "y")},
		"a message is another":      {"history", put(3)},
		"a message too many":        {"history", put(101)},
		"a person too many": {"people", func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutPeople(t.Context(), []*pb.Person{{User: "nobody", Exists: true, Version: 1}}))
		}},
		"a conversation ahead of the log": {"history", func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutConversations(t.Context(), []*pb.ConversationDocument{{Conversation: viewtest.GroupOne, Seq: 5000}}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the one that is ahead is given time
			stores, server := viewtest.OwnStores(t, s.Plan)
			viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
			direct := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Protocol: 2})
			defer direct.Close()
			c.harm(t, stores, direct)
			report := compare(t, s, stores)
			require.Equal(t, 1, report.Total, "%v", report.Differences)
			require.Equal(t, c.view, report.Differences[0].View, "%v", report.Differences)
		})
	}
}

// A sample finds every kind of difference of its own unit, and none where there is none.

package prove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/viewtest"
)

// units are all that the views of a scenario keep.
func units(s *viewtest.Scenario) []Unit {
	met := map[Unit]bool{}
	for _, view := range s.Plan.Views {
		for _, records := range s.Log[view.Input[0]] {
			for i := range records {
				met[UnitOf(view.Name, &records[i])] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(met), func(a, b Unit) int {
		return strings.Compare(a.View+" "+a.Name, b.View+" "+b.Name)
	})
}

// sampled compares every unit, and returns the units that differ.
func sampled(t *testing.T, s *viewtest.Scenario, live views.Stores) []Unit {
	var different []Unit
	for _, unit := range units(s) {
		fresh, _ := viewtest.OwnStores(t, s.Plan)
		view, _ := s.Plan.View(unit.View)
		found, err := Sample(t.Context(), SampleConfig{Plan: s.Plan, Live: live, Fresh: fresh,
			Records: func(_ context.Context, unit Unit, below int64) (records []topology.Record, err error) {
				for _, r := range s.Log[view.Input[0]][unit.Partition] {
					if UnitOf(unit.View, &r) == unit && (below < 0 || r.Offset < below) {
						records = append(records, r)
					}
				}
				return records, nil
			}}, unit)
		require.NoError(t, err)
		if len(found) > 0 {
			different = append(different, unit)
		}
	}
	return different
}

func TestSamplesAreComparedWithTheLog(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	v := viewtest.NewViews(t, s.Plan, stores)
	for _, view := range s.Plan.Views { // some views are behind
		for partition := range s.Plan.Partitions {
			records := s.Log[view.Input[0]][partition]
			if half := records[:len(records)/2]; len(half) > 0 && partition%2 == 0 {
				require.NoError(t, v.Projectors[view.Name].Handle(t.Context(), partition, half))
			}
		}
	}
	require.Greater(t, len(units(s)), 10)
	require.Empty(t, sampled(t, s, stores))
	v.Fold(s.Log, 7)
	require.Empty(t, sampled(t, s, stores))
}

func TestASampleFindsWhatDiffers(t *testing.T) {
	s := viewtest.Everyday(t)
	tag := func(user string) string {
		return fmt.Sprintf("{%d}:", topology.PartitionOf(user, s.Plan.Partitions))
	}
	do := func(command ...any) func(*testing.T, views.Stores, *goredis.Client) {
		return func(t *testing.T, _ views.Stores, direct *goredis.Client) {
			require.NoError(t, direct.Do(t.Context(), command...).Err())
		}
	}
	for name, c := range map[string]struct {
		view, unit string
		harm       func(*testing.T, views.Stores, *goredis.Client)
	}{
		"an inbox is gone":  {"inbox", "bob", do("DEL", "inbox:"+tag("bob")+"bob")},
		"a head is another": {"inbox", "bob", do("HSET", "inbox:"+tag("bob")+"bob:head", "inbox_seq", "7")},
		"a mark too many":   {"bookmark", viewtest.GroupOne, do("HSET", "marks:"+tag("cid")+viewtest.GroupOne, "nobody", "x")},
		"a lease is gone":   {"presence", "ann", do("DEL", "presence:"+tag("ann")+"ann")},
		"a message is another": {"history", viewtest.GroupOne, func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: viewtest.GroupOne,
				Messages: []*pb.HistoryMessage{{Number: 3, Seq: 900, Sender: "mallory"}}}}))
		}},
		"a conversation ahead of the log": {"history", viewtest.GroupOne, func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutConversations(t.Context(), []*pb.ConversationDocument{{Conversation: viewtest.GroupOne, Seq: 5000}}))
		}},
		"a profile is another": {"people", "ann", func(t *testing.T, s views.Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutPeople(t.Context(), []*pb.Person{{User: "ann", Exists: true, Version: 5000}}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stores, server := viewtest.OwnStores(t, s.Plan)
			viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
			direct := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Protocol: 2})
			defer direct.Close()
			c.harm(t, stores, direct)
			different := sampled(t, s, stores)
			require.Len(t, different, 1, "%v", different)
			require.Equal(t, c.view, different[0].View)
			require.Equal(t, c.unit, different[0].Name)
		})
	}
}

// What is known of a unit only from its middle on is not compared.
func TestAUnitWithoutItsBeginningIsNotCompared(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 50)
	view, _ := s.Plan.View("inbox")
	fresh, _ := viewtest.OwnStores(t, s.Plan)
	unit := Unit{"inbox", topology.PartitionOf("bob", s.Plan.Partitions), "bob"}
	_, err := Sample(t.Context(), SampleConfig{Plan: s.Plan, Live: stores, Fresh: fresh,
		Records: func(context.Context, Unit, int64) (records []topology.Record, err error) {
			for _, r := range s.Log[view.Input[0]][unit.Partition] {
				if r.Key == unit.Name {
					records = append(records, r)
				}
			}
			return records[1:], nil
		}}, unit)
	require.ErrorIs(t, err, ErrNotSampled)
}

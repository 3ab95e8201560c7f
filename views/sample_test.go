// A sample tells every kind of difference of its own unit, and none where there is none.

package views

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
)

// units are all that a tale's views keep.
func units(told *tale) []Unit {
	met := map[Unit]bool{}
	for _, view := range told.plan.Views {
		for _, records := range told.log[view.Input[0]] {
			for i := range records {
				met[UnitOf(view.Name, &records[i])] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(met), func(a, b Unit) int {
		return strings.Compare(a.View+" "+a.Name, b.View+" "+b.Name)
	})
}

// sampled compares every unit, and answers the units that differ.
func sampled(t *testing.T, told *tale, live Stores) []Unit {
	var different []Unit
	for _, unit := range units(told) {
		fresh, _ := ownStores(t, told.plan)
		view, _ := told.plan.View(unit.View)
		found, err := Sample(t.Context(), SampleConfig{Plan: told.plan, Live: live, Fresh: fresh,
			Records: func(_ context.Context, unit Unit, below int64) (records []topology.Record, err error) {
				for _, r := range told.log[view.Input[0]][unit.Partition] {
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

func TestSamplesAreWhatTheLogSays(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	h := newHouse(t, told.plan, stores)
	for _, view := range told.plan.Views { // some views are behind
		for partition := range told.plan.Partitions {
			records := told.log[view.Input[0]][partition]
			if half := records[:len(records)/2]; len(half) > 0 && partition%2 == 0 {
				require.NoError(t, h.runners[view.Name].handle(t.Context(), partition, half))
			}
		}
	}
	require.Greater(t, len(units(told)), 10)
	require.Empty(t, sampled(t, told, stores))
	h.fold(told.log, 7)
	require.Empty(t, sampled(t, told, stores))
}

func TestASampleTellsWhatDiffers(t *testing.T) {
	told := everyday(t)
	tag := func(user string) string {
		return fmt.Sprintf("{%d}:", topology.PartitionOf(user, told.plan.Partitions))
	}
	do := func(command ...any) func(*testing.T, Stores, *goredis.Client) {
		return func(t *testing.T, _ Stores, direct *goredis.Client) {
			require.NoError(t, direct.Do(t.Context(), command...).Err())
		}
	}
	for name, c := range map[string]struct {
		view, unit string
		harm       func(*testing.T, Stores, *goredis.Client)
	}{
		"an inbox is gone":  {"inbox", "bob", do("DEL", "inbox:"+tag("bob")+"bob")},
		"a head is another": {"inbox", "bob", do("HSET", "inbox:"+tag("bob")+"bob:head", "inbox_seq", "7")},
		"a mark too many":   {"bookmark", conversationOne, do("HSET", "marks:"+tag("cid")+conversationOne, "nobody", "x")},
		"a lease is gone":   {"presence", "ann", do("DEL", "presence:"+tag("ann")+"ann")},
		"a message is another": {"history", conversationOne, func(t *testing.T, s Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: conversationOne,
				Messages: []*pb.HistoryMessage{{Number: 3, Seq: 900, Sender: "mallory"}}}}))
		}},
		"a conversation ahead of the log": {"history", conversationOne, func(t *testing.T, s Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutConversations(t.Context(), []*pb.ConversationDocument{{Conversation: conversationOne, Seq: 5000}}))
		}},
		"a profile is another": {"people", "ann", func(t *testing.T, s Stores, _ *goredis.Client) {
			require.NoError(t, s.Documents.PutPeople(t.Context(), []*pb.Person{{User: "ann", Exists: true, Version: 5000}}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			stores, server := ownStores(t, told.plan)
			newHouse(t, told.plan, stores).fold(told.log, 50)
			direct := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Protocol: 2})
			defer direct.Close()
			c.harm(t, stores, direct)
			different := sampled(t, told, stores)
			require.Len(t, different, 1, "%v", different)
			require.Equal(t, c.view, different[0].View)
			require.Equal(t, c.unit, different[0].Name)
		})
	}
}

// What is known of a unit only from its middle on is not compared.
func TestAUnitWithoutItsBeginningIsNotCompared(t *testing.T) {
	told := everyday(t)
	stores, _ := ownStores(t, told.plan)
	newHouse(t, told.plan, stores).fold(told.log, 50)
	view, _ := told.plan.View("inbox")
	fresh, _ := ownStores(t, told.plan)
	unit := Unit{"inbox", topology.PartitionOf("bob", told.plan.Partitions), "bob"}
	_, err := Sample(t.Context(), SampleConfig{Plan: told.plan, Live: stores, Fresh: fresh,
		Records: func(context.Context, Unit, int64) (records []topology.Record, err error) {
			for _, r := range told.log[view.Input[0]][unit.Partition] {
				if r.Key == unit.Name {
					records = append(records, r)
				}
			}
			return records[1:], nil
		}}, unit)
	require.ErrorIs(t, err, ErrNotSampled)
}

// The conformance suite of the Redis kind: the same on miniredis and on a real Redis.

package views

import (
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/redis"
)

// eachLists runs a test on every store of the kind. lose makes the store lose everything, as FLUSHALL does.
func eachLists(t *testing.T, test func(t *testing.T, lists Lists, lose func())) {
	t.Run("miniredis", func(t *testing.T) { test(openLists(t, miniredis.RunT(t).Addr())) })
	t.Run("redis", func(t *testing.T) { test(openLists(t, servers.Redis(t, servers.Own()).Addr)) })
}

func openLists(t *testing.T, address string) (*testing.T, Lists, func()) {
	plan := newTale(t).plan
	stores, err := Open(t.Context(), StoreSettings{Plan: plan, Redis: address})
	require.NoError(t, err)
	direct := goredis.NewClient(&goredis.Options{Addr: address, Protocol: 2})
	t.Cleanup(func() {
		require.NoError(t, direct.Close())
		require.NoError(t, stores.Close())
	})
	return t, stores.Lists, func() { require.NoError(t, direct.FlushAll(t.Context()).Err()) }
}

func span(view string, from, to int64) *pb.Span {
	return &pb.Span{View: view, Partition: topology.PartitionOf("ann", newTale(nil).plan.Partitions), FromOffset: from, ToOffset: to}
}

func refusals(user string, epoch, from, to uint64) []*pb.InboxEntry {
	var entries []*pb.InboxEntry
	for number := from; number <= to; number++ {
		entries = append(entries, &pb.InboxEntry{User: user, Event: &pb.InboxEvent{InboxSeq: number, Epoch: epoch,
			Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Conversation: fmt.Sprint(number)}}}})
	}
	return entries
}

func TestListsKeepABatchAndItsPlaceTogether(t *testing.T) {
	eachLists(t, func(t *testing.T, lists Lists, lose func()) {
		ctx := t.Context()
		put := func(from, to int64, first, last uint64) int64 {
			place, err := lists.PutInbox(ctx, span("inbox@1", from, to), refusals("ann", 1, first, last), nil)
			require.NoError(t, err)
			return place
		}
		requireInbox := func(head, oldest uint64, events int) {
			t.Helper()
			part, err := lists.InboxPart(ctx, "ann", 0, 10_000)
			require.NoError(t, err)
			require.Equal(t, []uint64{head, oldest, uint64(events)}, []uint64{part.Head.InboxSeq, part.OldestInboxSeq, uint64(len(part.Events))})
		}
		place, err := lists.Place(ctx, "inbox@1", span("", 0, 0).Partition)
		require.NoError(t, err)
		require.Zero(t, place)

		require.EqualValues(t, 3, put(0, 3, 1, 3))
		require.EqualValues(t, 3, put(0, 3, 1, 3), "a repeat")
		require.EqualValues(t, 6, put(3, 6, 4, 6))
		require.EqualValues(t, 6, put(0, 3, 1, 3), "late: the place does not fall")
		requireInbox(6, 1, 6)
		require.EqualValues(t, 6, put(7, 9, 8, 9), "what comes before is not there: nothing is written")
		requireInbox(6, 1, 6)
		require.EqualValues(t, 8, put(5, 8, 6, 8), "a batch that overlaps")
		requireInbox(8, 1, 8)

		lose()
		require.EqualValues(t, 0, put(8, 10, 9, 10), "all is lost: nothing is written")
		requireInbox(0, 0, 0)
		require.EqualValues(t, 10, put(0, 10, 1, 10), "folded again, scripts and all")
		requireInbox(10, 1, 10)
	})
}

func TestListsKeepStreamsContiguousAndBounded(t *testing.T) {
	eachLists(t, func(t *testing.T, lists Lists, _ func()) {
		ctx := t.Context()
		offset := int64(0)
		put := func(epoch, first, last uint64) *pb.InboxPart {
			_, err := lists.PutInbox(ctx, span("inbox@1", offset, offset+1), refusals("ann", epoch, first, last), nil)
			require.NoError(t, err)
			offset++
			part, err := lists.InboxPart(ctx, "ann", 0, 10_000)
			require.NoError(t, err)
			return part
		}
		part := put(1, 500, 510) // the log's beginning is not kept for ever
		require.Equal(t, []uint64{510, 500}, []uint64{part.Head.InboxSeq, part.OldestInboxSeq})
		part = put(1, 520, 530)
		require.Equal(t, []uint64{530, 520}, []uint64{part.Head.InboxSeq, part.OldestInboxSeq}, "behind a hole it begins anew")
		part = put(1, 525, 531)
		require.Len(t, part.Events, 12, "what is there already is not written again")
		part = put(1, 532, 531+redis.Kept)
		require.Len(t, part.Events, redis.Kept)
		require.EqualValues(t, 532, part.OldestInboxSeq)
		part = put(2, 1, 2)
		require.Equal(t, []uint64{2, 1, 2}, []uint64{part.Head.InboxSeq, part.OldestInboxSeq, part.Head.Epoch}, "another epoch")
		require.Len(t, part.Events, 2)
		part = put(1, 9000, 9001)
		require.Equal(t, []uint64{2, 2}, []uint64{part.Head.InboxSeq, part.Head.Epoch}, "an older epoch, late")
		behind, err := lists.InboxPart(ctx, "ann", 1, 1)
		require.NoError(t, err)
		require.Len(t, behind.Events, 1)
		require.EqualValues(t, 2, behind.Events[0].InboxSeq)
	})
}

// TestListsKeepRuns: events that come together are one entry, what was written before there were runs is read with them, and
// what a batch that was cut elsewhere has twice is read once.
func TestListsKeepRuns(t *testing.T) {
	server := servers.Redis(t, servers.Own())
	_, lists, _ := openLists(t, server.Addr)
	ctx := t.Context()
	direct := goredis.NewClient(&goredis.Options{Addr: server.Addr, Protocol: 2})
	defer func() { require.NoError(t, direct.Close()) }()
	stream := fmt.Sprintf("inbox:{%d}:ann", span("", 0, 0).Partition)
	for number, entry := range refusals("ann", 1, 1, 3) {
		event, err := entry.Event.MarshalVT()
		require.NoError(t, err)
		require.NoError(t, direct.XAdd(ctx, &goredis.XAddArgs{Stream: stream, ID: fmt.Sprint(number+1, "-0"), Values: []any{"e", event}}).Err())
	}
	require.NoError(t, direct.HSet(ctx, stream+":head", "inbox_seq", 3, "epoch", 1).Err())
	put := func(offset int64, first, last uint64) {
		_, err := lists.PutInbox(ctx, span("inbox@1", offset, offset+1), refusals("ann", 1, first, last), nil)
		require.NoError(t, err)
	}
	put(0, 2, 10)
	put(1, 11, 40)
	entries, err := direct.XLen(ctx, stream).Result()
	require.NoError(t, err)
	require.EqualValues(t, 5, entries, "three of the earlier form and two runs")
	part, err := lists.InboxPart(ctx, "ann", 7, 20)
	require.NoError(t, err)
	require.EqualValues(t, 1, part.OldestInboxSeq)
	require.Len(t, part.Events, 20)
	for i, event := range part.Events {
		require.EqualValues(t, 8+i, event.InboxSeq)
	}
	_, contents, err := lists.(*redis.Store).DumpAll(ctx, "inbox@1", lists.(*redis.Store).KeysOf("inbox", span("", 0, 0).Partition, "ann"))
	require.NoError(t, err)
	straight := openedOn(t, refusals("ann", 1, 1, 40))
	require.Equal(t, straight, contents, "however it was cut it is the same")

	require.NoError(t, direct.XAdd(ctx, &goredis.XAddArgs{Stream: stream, ID: "41-0", Values: []any{"later", "form"}}).Err())
	_, err = lists.InboxPart(ctx, "ann", 30, 20)
	require.ErrorContains(t, err, "entry 41-0")
}

// openedOn is what a Redis holds of Ann when it was told some events at once.
func openedOn(t *testing.T, entries []*pb.InboxEntry) []string {
	_, lists, _ := openLists(t, miniredis.RunT(t).Addr())
	_, err := lists.PutInbox(t.Context(), span("inbox@1", 0, 2), entries, nil)
	require.NoError(t, err)
	store := lists.(*redis.Store)
	_, contents, err := store.DumpAll(t.Context(), "inbox@1", store.KeysOf("inbox", span("", 0, 0).Partition, "ann"))
	require.NoError(t, err)
	return contents
}

func TestListsKeepTheNewestOfEachLine(t *testing.T) {
	eachLists(t, func(t *testing.T, lists Lists, _ func()) {
		ctx := t.Context()
		line := func(conversation string, epoch, number uint64, at int64) *pb.InboxLine {
			return &pb.InboxLine{User: "ann", Summary: &pb.ConversationSummary{
				Conversation: conversation, Epoch: epoch, InboxSeq: number, TimeMs: at, Number: epoch*1000 + number}}
		}
		put := func(lines ...*pb.InboxLine) {
			_, err := lists.PutInbox(ctx, span("inbox@1", 0, 1), nil, lines)
			require.NoError(t, err)
		}
		require.Empty(t, list(t, lists, "ann"))
		put(line("ann/bob", 1, 9, 100), line("g-1/main", 1, 10, 200))
		require.Equal(t, []string{"g-1/main 1010", "ann/bob 1009"}, list(t, lists, "ann"))
		put(line("ann/bob", 1, 11, 300), line("ann/bob", 1, 10, 900))
		require.Equal(t, []string{"ann/bob 1011", "g-1/main 1010"}, list(t, lists, "ann"))
		put(line("ann/bob", 1, 2, 50), line("g-1/main", 1, 10, 999))
		require.Equal(t, []string{"ann/bob 1011", "g-1/main 1010"}, list(t, lists, "ann"), "older and equal ones lose, order and all")
		put(line("g-1/main", 2, 1, 400))
		require.Equal(t, []string{"g-1/main 2001", "ann/bob 1011"}, list(t, lists, "ann"), "a newer epoch wins")

		place, read, err := lists.Lines(ctx, span("inbox@1", 0, 1), []*pb.InboxLine{
			line("none/none", 0, 0, 0), line("ann/bob", 0, 0, 0)})
		require.NoError(t, err)
		require.EqualValues(t, 1, place)
		require.Nil(t, read[0])
		require.EqualValues(t, 11, read[1].InboxSeq)
	})
}

func list(t testing.TB, lists Lists, user string) []string {
	_, lines, err := lists.Conversations(t.Context(), user, 50)
	require.NoError(t, err)
	var shown []string
	for _, line := range lines {
		shown = append(shown, fmt.Sprint(line.Conversation, " ", line.Number))
	}
	return shown
}

func TestListsKeepTheNewestMarksAndLeases(t *testing.T) {
	eachLists(t, func(t *testing.T, lists Lists, _ func()) {
		ctx := t.Context()
		for _, version := range []uint64{2, 1, 2, 12, 9} {
			_, err := lists.PutMarks(ctx, span("bookmark@1", 0, 1), []*pb.MemberMarks{
				{User: "ann", Conversation: "g-1/main", Version: version, Marks: &pb.Marks{Read: version}},
				{User: "bob", Conversation: "g-1/main", Version: version + 1, Marks: &pb.Marks{Read: version + 1}}})
			require.NoError(t, err)
			_, err = lists.PutPresence(ctx, span("presence@1", 0, 1), []*pb.PersonPresence{
				{User: "ann", UntilMs: int64(version), LastSeenMs: 5, Version: version}})
			require.NoError(t, err)
		}
		marks, err := lists.Marks(ctx, []*pb.MemberMarks{
			{User: "bob", Conversation: "g-1/main"}, {User: "zoe", Conversation: "g-1/main"}, {User: "ann", Conversation: "g-1/main"}, {User: "ann", Conversation: "g-2/main"}})
		require.NoError(t, err)
		require.EqualValues(t, 13, marks[0].Read)
		require.Nil(t, marks[1])
		require.EqualValues(t, 12, marks[2].Read)
		require.Nil(t, marks[3])
		people, err := lists.Presence(ctx, []string{"zoe", "ann"})
		require.NoError(t, err)
		require.Nil(t, people[0])
		require.EqualValues(t, 12, people[1].UntilMs)
		place, err := lists.Place(ctx, "inbox@1", span("", 0, 0).Partition)
		require.NoError(t, err)
		require.Zero(t, place, "each view has a place of its own")
	})
}

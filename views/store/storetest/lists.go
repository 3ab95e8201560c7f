// Package storetest is the suite that every store of the views runs: what the views and the query service rely on.
package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

// Partition is the partition of everything that the suite writes.
const Partition = 3

// Lists runs the suite of the kind Lists. open opens an empty store, in which every user is in Partition, and gives a
// function that makes it lose everything, as FLUSHALL does. kept is how many events an inbox keeps.
func Lists(t *testing.T, kept uint64, open func(t *testing.T) (lists store.Lists, lose func())) {
	t.Run("a batch and its checkpoint are written together", func(t *testing.T) {
		lists, lose := open(t)
		batchAndCheckpoint(t, lists, lose)
	})
	for name, test := range map[string]func(t *testing.T, lists store.Lists){
		"streams are contiguous and bounded":   func(t *testing.T, lists store.Lists) { streams(t, lists, kept) },
		"the newest of each line is kept":      newestLines,
		"the newest marks and leases are kept": newestMarksAndLeases,
		"one writer at a time moves a pointer": func(t *testing.T, lists store.Lists) {
			pointers(t, lists, store.Inbox, store.Bookmark, store.Presence)
		},
	} {
		t.Run(name, func(t *testing.T) {
			lists, _ := open(t)
			test(t, lists)
		})
	}
}

// Span is a span of a view's log in Partition.
func Span(view string, from, to int64) *pb.Span {
	return &pb.Span{View: view, Partition: Partition, FromOffset: from, ToOffset: to}
}

// Refusals are events of an inbox with the numbers from first to last.
func Refusals(user string, epoch, first, last uint64) []*pb.InboxEntry {
	var entries []*pb.InboxEntry
	for number := first; number <= last; number++ {
		entries = append(entries, &pb.InboxEntry{User: user, Event: &pb.InboxEvent{InboxSeq: number, Epoch: epoch,
			Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Conversation: fmt.Sprint(number)}}}})
	}
	return entries
}

func batchAndCheckpoint(t *testing.T, lists store.Lists, lose func()) {
	ctx := t.Context()
	put := func(from, to int64, first, last uint64) int64 {
		checkpoint, err := lists.PutInbox(ctx, Span("inbox@1", from, to), Refusals("ann", 1, first, last), nil)
		require.NoError(t, err)
		return checkpoint
	}
	requireInbox := func(head, oldest uint64, events int) {
		t.Helper()
		part, err := lists.InboxPart(ctx, "ann", 0, 10_000)
		require.NoError(t, err)
		require.Equal(t, []uint64{head, oldest, uint64(events)}, []uint64{part.Head.InboxSeq, part.OldestInboxSeq, uint64(len(part.Events))})
	}
	checkpoint, err := lists.Checkpoint(ctx, "inbox@1", Partition)
	require.NoError(t, err)
	require.Zero(t, checkpoint)

	require.EqualValues(t, 3, put(0, 3, 1, 3))
	require.EqualValues(t, 3, put(0, 3, 1, 3), "a repeat")
	require.EqualValues(t, 6, put(3, 6, 4, 6))
	require.EqualValues(t, 6, put(0, 3, 1, 3), "late: the checkpoint does not fall")
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
}

func streams(t *testing.T, lists store.Lists, kept uint64) {
	ctx := t.Context()
	offset := int64(0)
	put := func(epoch, first, last uint64) *pb.InboxPart {
		_, err := lists.PutInbox(ctx, Span("inbox@1", offset, offset+1), Refusals("ann", epoch, first, last), nil)
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
	part = put(1, 532, 531+kept)
	require.Len(t, part.Events, int(kept))
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
}

func newestLines(t *testing.T, lists store.Lists) {
	ctx := t.Context()
	line := func(conversation string, epoch, number uint64, at int64) *pb.InboxLine {
		return &pb.InboxLine{User: "ann", Summary: &pb.ConversationSummary{
			Conversation: conversation, Epoch: epoch, InboxSeq: number, TimeMs: at, Number: epoch*1000 + number}}
	}
	put := func(lines ...*pb.InboxLine) {
		_, err := lists.PutInbox(ctx, Span("inbox@1", 0, 1), nil, lines)
		require.NoError(t, err)
	}
	shown := func() (shown []string) {
		_, lines, err := lists.Conversations(ctx, "ann", 50)
		require.NoError(t, err)
		for _, line := range lines {
			shown = append(shown, fmt.Sprint(line.Conversation, " ", line.Number))
		}
		return shown
	}
	require.Empty(t, shown())
	put(line("ann/bob", 1, 9, 100), line("g-1/main", 1, 10, 200))
	require.Equal(t, []string{"g-1/main 1010", "ann/bob 1009"}, shown())
	put(line("ann/bob", 1, 11, 300), line("ann/bob", 1, 10, 900))
	require.Equal(t, []string{"ann/bob 1011", "g-1/main 1010"}, shown())
	put(line("ann/bob", 1, 2, 50), line("g-1/main", 1, 10, 999))
	require.Equal(t, []string{"ann/bob 1011", "g-1/main 1010"}, shown(), "older and equal ones lose, order and all")
	put(line("g-1/main", 2, 1, 400))
	require.Equal(t, []string{"g-1/main 2001", "ann/bob 1011"}, shown(), "a newer epoch wins")

	checkpoint, read, err := lists.Lines(ctx, Span("inbox@1", 0, 1), []*pb.InboxLine{
		line("none/none", 0, 0, 0), line("ann/bob", 0, 0, 0)})
	require.NoError(t, err)
	require.EqualValues(t, 1, checkpoint)
	require.Nil(t, read[0])
	require.EqualValues(t, 11, read[1].InboxSeq)
}

func newestMarksAndLeases(t *testing.T, lists store.Lists) {
	ctx := t.Context()
	for _, version := range []uint64{2, 1, 2, 12, 9} {
		_, err := lists.PutMarks(ctx, Span("bookmark@1", 0, 1), []*pb.MemberMarks{
			{User: "ann", Conversation: "g-1/main", Version: version, Marks: &pb.Marks{Read: version}},
			{User: "bob", Conversation: "g-1/main", Version: version + 1, Marks: &pb.Marks{Read: version + 1}}})
		require.NoError(t, err)
		_, err = lists.PutPresence(ctx, Span("presence@1", 0, 1), []*pb.PersonPresence{
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
	checkpoint, err := lists.Checkpoint(ctx, "inbox@1", Partition)
	require.NoError(t, err)
	require.Zero(t, checkpoint, "each view has a checkpoint of its own")
}

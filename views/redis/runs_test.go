// How events are cut into runs does not show.

package redis

import (
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/store/storetest"
)

// TestRuns: events that come together are one entry, entries of the earlier form are read with them, and events that a batch
// which was cut elsewhere writes twice are read once.
func TestRuns(t *testing.T) {
	lists, direct := open(t, servers.Redis(t, servers.Own()).Addr)
	ctx := t.Context()
	stream := fmt.Sprintf("inbox:{%d}:ann", storetest.Partition)
	for number, entry := range storetest.Refusals("ann", 1, 1, 3) {
		event, err := entry.Event.MarshalVT()
		require.NoError(t, err)
		require.NoError(t, direct.XAdd(ctx, &goredis.XAddArgs{Stream: stream, ID: fmt.Sprint(number+1, "-0"), Values: []any{"e", event}}).Err())
	}
	require.NoError(t, direct.HSet(ctx, stream+":head", "inbox_seq", 3, "epoch", 1).Err())
	put := func(offset int64, first, last uint64) {
		_, err := lists.PutInbox(ctx, storetest.Span("inbox@1", offset, offset+1), storetest.Refusals("ann", 1, first, last), nil)
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
	_, texts, err := lists.TextAll(ctx, "inbox@1", lists.KeysOf(store.Inbox, storetest.Partition, "ann"))
	require.NoError(t, err)
	require.Equal(t, writtenAtOnce(t, storetest.Refusals("ann", 1, 1, 40)), texts, "however it was cut it is the same")

	require.NoError(t, direct.XAdd(ctx, &goredis.XAddArgs{Stream: stream, ID: "41-0", Values: []any{"later", "form"}}).Err())
	_, err = lists.InboxPart(ctx, "ann", 30, 20)
	require.ErrorContains(t, err, "entry 41-0")
}

// writtenAtOnce is what a Redis holds of Ann after some events in one batch.
func writtenAtOnce(t *testing.T, entries []*pb.InboxEntry) []string {
	lists, _ := open(t, miniredis.RunT(t).Addr())
	_, err := lists.PutInbox(t.Context(), storetest.Span("inbox@1", 0, 2), entries, nil)
	require.NoError(t, err)
	_, texts, err := lists.TextAll(t.Context(), "inbox@1", lists.KeysOf(store.Inbox, storetest.Partition, "ann"))
	require.NoError(t, err)
	return texts
}

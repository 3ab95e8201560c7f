// The suite of the kind Documents.

package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

// Page is how many messages a store may keep together: the suite's numbers cross the borders of such pages.
const Page = 25

// Documents runs the suite of the kind Documents. open opens an empty store.
func Documents(t *testing.T, open func(t *testing.T) store.Documents) {
	for name, test := range map[string]func(t *testing.T, documents store.Documents){
		"each view has checkpoints":            checkpoints,
		"the newest document is kept":          newestDocuments,
		"messages are kept by number":          messages,
		"ids are never paths or operators":     ids,
		"one writer at a time moves a pointer": func(t *testing.T, d store.Documents) { pointers(t, d, store.History, store.People) },
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func checkpoints(t *testing.T, documents store.Documents) {
	ctx := t.Context()
	advance := func(from, to int64) int64 {
		checkpoint, err := documents.Advance(ctx, Span("history@1", from, to))
		require.NoError(t, err)
		return checkpoint
	}
	require.EqualValues(t, 0, advance(5, 9), "what comes before is not there")
	require.EqualValues(t, 4, advance(0, 4))
	require.EqualValues(t, 4, advance(0, 4), "a repeat")
	require.EqualValues(t, 9, advance(4, 9))
	require.EqualValues(t, 9, advance(2, 6), "late: the checkpoint does not fall")
	require.EqualValues(t, 9, advance(0, 3), "late, from the beginning")
	require.EqualValues(t, 9, advance(10, 12), "a gap")
	checkpoint, err := documents.Checkpoint(ctx, "people@1", Partition)
	require.NoError(t, err)
	require.Zero(t, checkpoint)
	require.NoError(t, documents.Forget(ctx, "history@1", Partition))
	require.EqualValues(t, 0, advance(9, 12), "forgotten")
	require.EqualValues(t, 2, advance(0, 2))
}

func newestDocuments(t *testing.T, documents store.Documents) {
	ctx := t.Context()
	for _, seq := range []uint64{3, 2, 3, 11, 9} {
		require.NoError(t, documents.PutConversations(ctx, []*pb.ConversationDocument{
			{Conversation: "g-1/main", Seq: seq, Number: seq},
			{Conversation: "ann/bob", Seq: seq + 1, Number: seq + 1},
			{Conversation: "g-1/main", Seq: seq - 1, Number: seq - 1}}))
		require.NoError(t, documents.PutPeople(ctx, []*pb.Person{{User: "ann", Exists: true, Version: seq}}))
	}
	found, err := documents.Conversations(ctx, []string{"none/none", "ann/bob", "g-1/main", "ann/bob"})
	require.NoError(t, err)
	require.Nil(t, found[0])
	require.EqualValues(t, 12, found[1].Number)
	require.EqualValues(t, 11, found[2].Number)
	require.EqualValues(t, 12, found[3].Number)
	people, err := documents.People(ctx, []string{"zoe", "ann"})
	require.NoError(t, err)
	require.Nil(t, people[0])
	require.EqualValues(t, 11, people[1].Version)
	none, err := documents.People(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func messages(t *testing.T, documents store.Documents) {
	ctx := t.Context()
	sealed := func(conversation string) *pb.Sealed {
		return &pb.Sealed{KeyId: "k", Nonce: []byte("123456789012"), Ciphertext: []byte("sealed:" + conversation)}
	}
	put := func(conversation string, from, to uint64) *pb.ConversationMessages {
		c := &pb.ConversationMessages{Conversation: conversation}
		for number := from; number <= to; number++ {
			c.Messages = append(c.Messages, &pb.HistoryMessage{Number: number, Seq: number + 1, Sender: "ann", Body: sealed(conversation)})
		}
		return c
	}
	require.NoError(t, documents.PutMessages(ctx, nil))
	require.NoError(t, documents.PutMessages(ctx, []*pb.ConversationMessages{
		put("g-1/main", 1, Page*3+1), put("ann/bob", 1, 2), put("g-1/main2", 1, 9)}))
	require.NoError(t, documents.PutMessages(ctx, []*pb.ConversationMessages{
		put("g-1/main", Page-1, Page+1), put("g-1/main", 80, 80)}))
	numbers := func(conversation string, from, to uint64) (numbers []uint64) {
		messages, err := documents.Messages(ctx, conversation, from, to)
		require.NoError(t, err)
		for _, m := range messages {
			require.Equal(t, sealed(conversation).Ciphertext, m.Body.Ciphertext)
			numbers = append(numbers, m.Number)
		}
		return numbers
	}
	require.Equal(t, []uint64{24, 25, 26, 27}, numbers("g-1/main", 24, 27))
	require.Equal(t, []uint64{75, 76, 80}, numbers("g-1/main", 75, 200))
	require.Equal(t, []uint64{1, 2}, numbers("ann/bob", 1, 50))
	require.Len(t, numbers("g-1/main", 1, 76), 76)
	require.NoError(t, documents.PutMessages(ctx, []*pb.ConversationMessages{put("ann/bob", 1, 1), put("g-1/main2", 1, 12)}))
	require.Equal(t, []uint64{1, 2}, numbers("ann/bob", 1, 50), "a page that begins once more keeps what it has")
	require.Len(t, numbers("g-1/main2", 1, 50), 12, "and gets what is new")
	require.Empty(t, numbers("none/none", 1, 50))
	require.Empty(t, numbers("ann/bob", 2, 1))
}

// ids: ids with dots, dollars and braces are ids like others.
func ids(t *testing.T, documents store.Documents) {
	ctx := t.Context()
	for _, id := range []string{"$where", `{"$ne":1}`, "a.b/c.d", "m.1", ""} {
		found, err := documents.Conversations(ctx, []string{id})
		require.NoError(t, err)
		require.Nil(t, found[0], id)
		require.NoError(t, documents.PutConversations(ctx, []*pb.ConversationDocument{{Conversation: id, Seq: 1}}))
		found, err = documents.Conversations(ctx, []string{id})
		require.NoError(t, err)
		require.Equal(t, id, found[0].Conversation)
	}
}

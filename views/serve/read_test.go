// What reads guarantee while views write: content first, membership after it; no gaps; lines that are complete.

package serve_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/serve"
	"github.com/parley-im/parley/views/viewtest"
)

// meanwhile runs a function right after content was read.
type meanwhile struct {
	serve.Documents
	happens func()
}

func (m *meanwhile) Messages(ctx context.Context, conversation string, from, to uint64) ([]*pb.HistoryMessage, error) {
	messages, err := m.Documents.Messages(ctx, conversation, from, to)
	m.happens()
	return messages, err
}

func (m *meanwhile) People(ctx context.Context, users []string) ([]*pb.Person, error) {
	people, err := m.Documents.People(ctx, users)
	m.happens()
	return people, err
}

func TestWhoIsRemovedWhileReadingSeesNothing(t *testing.T) {
	for _, read := range []func(s *serve.Service) int{
		func(s *serve.Service) int {
			answer, err := s.History(t.Context(), &pb.HistoryQuery{User: "cid", Conversation: viewtest.GroupOne, Limit: 10})
			require.NoError(t, err)
			return answer.SizeVT()
		},
		func(s *serve.Service) int {
			answer, err := s.Members(t.Context(), &pb.MembersQuery{User: "cid", Conversation: viewtest.GroupOne})
			require.NoError(t, err)
			return answer.SizeVT()
		},
	} {
		s := viewtest.Everyday(t)
		stores, _ := viewtest.OwnStores(t, s.Plan)
		v := viewtest.NewViews(t, s.Plan, stores)
		v.Fold(s.Log, 10)
		require.NotZero(t, read(serve.New(stores.Lists, stores.Documents)))
		require.Zero(t, read(serve.New(stores.Lists, &meanwhile{stores.Documents, func() {
			s.Remove(viewtest.GroupOne, "cid", "ann")
			s.Message(viewtest.GroupOne, "ann", "now that cid is gone")
			v.Fold(s.Log, 10)
		}})))
	}
}

func TestWhoComesAgainWhileReadingSeesOnlyWhatIsNew(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	v := viewtest.NewViews(t, s.Plan, stores)
	v.Fold(s.Log, 10)
	answer, err := serve.New(stores.Lists, &meanwhile{stores.Documents, func() {
		s.Remove(viewtest.GroupOne, "cid", "ann")
		s.Join(viewtest.GroupOne, "cid", "ann")
		v.Fold(s.Log, 10)
	}}).History(t.Context(), &pb.HistoryQuery{User: "cid", Conversation: viewtest.GroupOne, Limit: 10})
	require.NoError(t, err)
	require.True(t, answer.Found)
	require.Empty(t, answer.Messages)
	require.False(t, answer.More)
}

// Messages of one batch may become visible in any order: an answer ends before the first that is missing.
func TestHistoryHasNoHoles(t *testing.T) {
	s := viewtest.Everyday(t)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, stores).Fold(s.Log, 10)
	documents, err := stores.Documents.Conversations(t.Context(), []string{viewtest.GroupOne})
	require.NoError(t, err)
	documents[0].Seq, documents[0].Number = documents[0].Seq+4, 104
	require.NoError(t, stores.Documents.PutConversations(t.Context(), documents))
	require.NoError(t, stores.Documents.PutMessages(t.Context(), []*pb.ConversationMessages{{Conversation: viewtest.GroupOne,
		Messages: []*pb.HistoryMessage{{Number: 101}, {Number: 103}, {Number: 104}}}}))
	answer := viewtest.Serve(t, stores).History("ann", viewtest.GroupOne, 0, 10)
	require.EqualValues(t, 101, answer.Messages[0].Number)
	require.Len(t, answer.Messages, 7)
	require.True(t, answer.More)
}

// A line whose beginning is no longer in the inbox's log is completed from the conversation itself.
func TestALineWithoutItsBeginningIsCompleted(t *testing.T) {
	s := viewtest.Everyday(t)
	want, _ := viewtest.OwnStores(t, s.Plan)
	viewtest.NewViews(t, s.Plan, want).Fold(s.Log, 10)
	stores, _ := viewtest.OwnStores(t, s.Plan)
	for partition, records := range s.Log["inbox.events"] { // retention took the older half
		s.Log["inbox.events"][partition] = records[len(records)/2:]
	}
	v := viewtest.NewViews(t, s.Plan, stores)
	for partition, records := range s.Log["inbox.events"] {
		require.NoError(t, v.Projectors["inbox"].Handle(t.Context(), partition, records))
	}
	delete(s.Log, "inbox.events")
	v.Fold(s.Log, 10)
	lines := viewtest.Serve(t, stores).Conversations("cid").Conversations
	full := viewtest.Serve(t, want).Conversations("cid").Conversations
	require.Len(t, lines, 1)
	require.Equal(t, full[0].Kind, lines[0].Kind)
	require.Equal(t, full[0].Title.Ciphertext, lines[0].Title.Ciphertext)
	require.Equal(t, full[0].SinceNumber, lines[0].SinceNumber)
	require.Equal(t, full[0].Marks.Read, lines[0].Marks.Read)
}

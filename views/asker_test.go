// Asking the query service in tests, where every question must have an answer.

package views

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// asker asks the query service and expects an answer.
type asker struct {
	t    *testing.T
	stub queryservice.Client
}

func (c asker) difference(user string, after, epoch uint64, limit uint32) *pb.DifferenceAnswer {
	c.t.Helper()
	answer, err := c.stub.Difference(c.t.Context(), &pb.DifferenceQuery{
		User: user, Cursor: &pb.Cursor{InboxSeq: after, Epoch: epoch}, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

func (c asker) heads(users ...string) []*pb.Cursor {
	c.t.Helper()
	answer, err := c.stub.Head(c.t.Context(), &pb.HeadQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.Heads, len(users))
	return answer.Heads
}

func (c asker) conversations(user string) *pb.ConversationsAnswer {
	c.t.Helper()
	answer, err := c.stub.Conversations(c.t.Context(), &pb.ConversationsQuery{User: user, Limit: 50})
	require.NoError(c.t, err)
	return answer
}

func (c asker) history(user, conversation string, before uint64, limit uint32) *pb.HistoryAnswer {
	c.t.Helper()
	answer, err := c.stub.History(c.t.Context(), &pb.HistoryQuery{
		User: user, Conversation: conversation, BeforeNumber: before, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

func (c asker) members(user, conversation string) *pb.MembersAnswer {
	c.t.Helper()
	answer, err := c.stub.Members(c.t.Context(), &pb.MembersQuery{User: user, Conversation: conversation})
	require.NoError(c.t, err)
	return answer
}

func (c asker) people(users ...string) []*pb.Person {
	c.t.Helper()
	answer, err := c.stub.People(c.t.Context(), &pb.PeopleQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.People, len(users))
	return answer.People
}

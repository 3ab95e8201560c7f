// Asking the query service in tests, where every question must have an answer.

package views

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// asker asks the query service and expects an answer.
type asker struct {
	t    *testing.T
	stub queryservice.Client
}

func (c asker) difference(user string, after, epoch uint64, limit uint32) *v1.DifferenceAnswer {
	c.t.Helper()
	answer, err := c.stub.Difference(c.t.Context(), &v1.DifferenceQuery{
		User: user, Cursor: &v1.Cursor{InboxSeq: after, Epoch: epoch}, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

func (c asker) heads(users ...string) []*v1.Cursor {
	c.t.Helper()
	answer, err := c.stub.Head(c.t.Context(), &v1.HeadQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.Heads, len(users))
	return answer.Heads
}

func (c asker) conversations(user string) *v1.ConversationsAnswer {
	c.t.Helper()
	answer, err := c.stub.Conversations(c.t.Context(), &v1.ConversationsQuery{User: user, Limit: 50})
	require.NoError(c.t, err)
	return answer
}

func (c asker) history(user, conversation string, before uint64, limit uint32) *v1.HistoryAnswer {
	c.t.Helper()
	answer, err := c.stub.History(c.t.Context(), &v1.HistoryQuery{
		User: user, Conversation: conversation, BeforeNumber: before, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

func (c asker) members(user, conversation string) *v1.MembersAnswer {
	c.t.Helper()
	answer, err := c.stub.Members(c.t.Context(), &v1.MembersQuery{User: user, Conversation: conversation})
	require.NoError(c.t, err)
	return answer
}

func (c asker) people(users ...string) []*v1.Person {
	c.t.Helper()
	answer, err := c.stub.People(c.t.Context(), &v1.PeopleQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.People, len(users))
	return answer.People
}

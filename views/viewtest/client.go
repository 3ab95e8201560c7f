// The query service over a real connection, where every question must have an answer.

package viewtest

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/serve"
)

// Client asks the query service and requires an answer.
type Client struct {
	t    testing.TB
	Stub queryservice.Client
}

// Serve starts the query service over stores on a port of its own, until the test ends.
func Serve(t testing.TB, stores views.Stores) Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.On(ctx, listener, stores.Read) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	stub, err := serve.Dial(listener.Addr().String())
	require.NoError(t, err)
	return Client{t, stub}
}

// Difference asks for the events behind a cursor.
func (c Client) Difference(user string, after, epoch uint64, limit uint32) *pb.DifferenceAnswer {
	c.t.Helper()
	answer, err := c.Stub.Difference(c.t.Context(), &pb.DifferenceQuery{
		User: user, Cursor: &pb.Cursor{InboxSeq: after, Epoch: epoch}, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

// Heads asks for the newest numbers of inboxes.
func (c Client) Heads(users ...string) []*pb.Cursor {
	c.t.Helper()
	answer, err := c.Stub.Head(c.t.Context(), &pb.HeadQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.Heads, len(users))
	return answer.Heads
}

// Conversations asks for a person's list.
func (c Client) Conversations(user string) *pb.ConversationsAnswer {
	c.t.Helper()
	answer, err := c.Stub.Conversations(c.t.Context(), &pb.ConversationsQuery{User: user, Limit: 50})
	require.NoError(c.t, err)
	return answer
}

// History asks for messages.
func (c Client) History(user, conversation string, before uint64, limit uint32) *pb.HistoryAnswer {
	c.t.Helper()
	answer, err := c.Stub.History(c.t.Context(), &pb.HistoryQuery{
		User: user, Conversation: conversation, BeforeNumber: before, Limit: limit,
	})
	require.NoError(c.t, err)
	return answer
}

// Members asks for the members of a conversation.
func (c Client) Members(user, conversation string) *pb.MembersAnswer {
	c.t.Helper()
	answer, err := c.Stub.Members(c.t.Context(), &pb.MembersQuery{User: user, Conversation: conversation})
	require.NoError(c.t, err)
	return answer
}

// People asks for profiles.
func (c Client) People(users ...string) []*pb.Person {
	c.t.Helper()
	answer, err := c.Stub.People(c.t.Context(), &pb.PeopleQuery{Users: users})
	require.NoError(c.t, err)
	require.Len(c.t, answer.People, len(users))
	return answer.People
}

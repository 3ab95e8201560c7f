// The HTTP interface: outcomes, answers and problems.

package parley_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestHTTP(t *testing.T) {
	s := start(t)
	h := &parley.HTTP{Address: s.URL, Token: "ann"}
	out, err := h.Send(context.Background(), "script", &pb.Send{ClientSeq: 1, Conversation: "ann/bob", Word: parley.Text("", "hi").Word})
	require.NoError(t, err)
	require.Equal(t, "ann/bob", out.Conversation)
	require.Equal(t, uint64(1), out.Number)
	require.Equal(t, "hi", out.Event.GetMessage().GetText())
	history, err := h.History(context.Background(), "ann/bob", 0, 10)
	require.NoError(t, err)
	require.Len(t, history.Messages, 1)

	_, err = h.Send(context.Background(), "script", &pb.Send{ClientSeq: 2, Conversation: "eve/bob", Word: parley.Text("", "hi").Word})
	var problem *parley.Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, parley.Problem{Status: http.StatusForbidden, Title: "refused by the log", Detail: "ask a member",
		Reason: pb.Reason_REASON_NOT_A_MEMBER, ClientSeq: 2, RetryAfter: 2 * time.Second}, *problem)
}

func TestHTTPRequests(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String())
		_, _ = w.Write([]byte(`{"new":1}`))
	}))
	defer server.Close()
	h, ctx := &parley.HTTP{Address: server.URL + "/", Token: "ann"}, context.Background()
	_, err := h.Members(ctx, "ann/bob")
	require.NoError(t, err)
	_, err = h.Conversations(ctx, 5)
	require.NoError(t, err)
	_, err = h.Inbox(ctx, &pb.Cursor{InboxSeq: 3, Epoch: 1}, 0)
	require.NoError(t, err)
	_, err = h.History(ctx, "a?b/../c", 7, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"GET /v1/conversations/ann/bob/members", "GET /v1/conversations?limit=5", "GET /v1/inbox?after=3&epoch=1",
		"GET /v1/conversations/a%3Fb/..%2Fc/messages?before=7"}, asked)
}

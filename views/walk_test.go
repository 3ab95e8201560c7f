// The views of what the machines themselves emit: every view equals the rows that the events came from.

package views_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/viewtest"
)

var walkers = []string{"ann", "bob", "cid", "dan"}

// walked is a log in which people did most of what people do.
func walked(plan topology.Plan) (w *walk.House, direct, group string) {
	w = walk.New(plan)
	device := map[string]*walk.Device{}
	for _, user := range walkers {
		device[user] = w.Device(user, "phone")
		device[user].CreateAccount()
	}
	w.Run()
	direct = device["ann"].OpenDirect("bob")
	group = device["ann"].CreateGroup("0190", "walkers", "bob", "cid")
	w.Run()
	for i := range 30 {
		device["ann"].SendText(group, fmt.Sprint("ann ", i))
		device["bob"].SendText(direct, fmt.Sprint("bob ", i))
		if i%10 == 0 {
			w.Wait(10e9) // rates
			w.Run()
		}
	}
	device["ann"].Seen(direct, 20, 15)
	device["cid"].Seen(group, 12, 10)
	device["dan"].Seen(group, 1000, 1000) // a stranger may claim anything
	device["dan"].SendText(group, "let me in")
	w.Run()
	device["ann"].Ask(group, &pb.ConversationRequest{Word: &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: "bob"}}})
	device["ann"].Ask(group, &pb.ConversationRequest{Word: &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: "dan"}}})
	w.Run()
	device["ann"].SendText(group, "bob is gone")
	w.Run()
	return w, direct, group
}

func TestViewsEqualTheRows(t *testing.T) {
	plan := viewtest.Plan()
	w, direct, group := walked(plan)
	stores, _ := viewtest.OwnStores(t, plan)
	v := viewtest.NewViews(t, plan, stores)
	log := viewtest.Log{}
	for _, record := range w.Log() {
		if log[record.Topic] == nil {
			log[record.Topic] = map[int32][]topology.Record{}
		}
		log[record.Topic][record.Partition] = append(log[record.Topic][record.Partition], record)
	}
	v.Fold(log, 20)
	ask := viewtest.Serve(t, stores)

	for _, user := range walkers {
		row := w.Row("inbox", user).GetInbox()
		head := ask.Heads(user)[0]
		require.Equal(t, []uint64{row.InboxSeq, row.Epoch}, []uint64{head.InboxSeq, head.Epoch}, user)
		require.Len(t, ask.Difference(user, 0, 0, 500).Events, int(row.InboxSeq))
		person := ask.People(user)[0]
		require.True(t, person.Exists)
		require.True(t, proto.Equal(w.Row("account", user).GetAccount().DisplayName, person.DisplayName))
	}
	documents, err := stores.Documents.Conversations(t.Context(), []string{direct, group})
	require.NoError(t, err)
	for _, document := range documents {
		row := w.Row("conversation", document.Conversation).GetConversation()
		want := &pb.ConversationDocument{Conversation: document.Conversation, Kind: row.Kind, Title: row.Title,
			Members: row.Members, Seq: row.Seq, Number: row.Number}
		require.True(t, proto.Equal(want, document), "want %v\ngot  %v", want, document)
		require.Len(t, ask.History("ann", document.Conversation, 0, 100).Messages, int(row.Number))
	}
	for _, user := range walkers {
		for _, line := range ask.Conversations(user).Conversations {
			row := w.Row("conversation", line.Conversation).GetConversation()
			member := row.Members[0]
			require.Equal(t, row.Kind, line.Kind)
			require.True(t, proto.Equal(row.Title, line.Title))
			if line.Membership == pb.Membership_MEMBERSHIP_MEMBER {
				require.Equal(t, []uint64{row.Seq, row.Number}, []uint64{line.Seq, line.Number}, "%s %s", user, line.Conversation)
				require.Equal(t, member.SinceNumber, line.SinceNumber)
			}
			if marks := w.Row("bookmark", name.Bookmark(user, line.Conversation)); marks != nil {
				require.GreaterOrEqual(t, line.Marks.Read, marks.GetBookmark().Marks.Read)
			}
		}
	}
	lines := map[string]*pb.ConversationSummary{}
	for _, user := range walkers {
		for _, line := range ask.Conversations(user).Conversations {
			lines[user+" "+line.Conversation] = line
		}
	}
	require.Len(t, lines, 6)
	require.EqualValues(t, 15, effect.Unread(lines["ann "+direct]))
	require.EqualValues(t, 0, effect.Unread(lines["ann "+group]))
	require.EqualValues(t, 0, effect.Unread(lines["bob "+direct]))
	require.EqualValues(t, 21, effect.Unread(lines["cid "+group]))
	require.Equal(t, pb.Membership_MEMBERSHIP_GONE, lines["bob "+group].Membership)
	require.EqualValues(t, 30, lines["bob "+group].Number)
	require.Equal(t, pb.Membership_MEMBERSHIP_INVITED, lines["dan "+group].Membership)
}

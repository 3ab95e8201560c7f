// The effect of every event that the schema has.

package effect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestEveryEventHasItsEffect(t *testing.T) {
	bob, cid := &pb.Member{User: "bob", Role: pb.Role_ROLE_OWNER}, &pb.Member{User: "cid", Role: pb.Role_ROLE_MEMBER}
	cases := map[string]struct {
		event    *pb.ConversationEvent
		want     effect.Effect
		members  []string // after the event, of bob and dan before it
		audience []string
	}{
		"conversation_created": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{ConversationCreated: &pb.ConversationCreated{Members: []*pb.Member{bob, cid}}}},
			effect.Effect{Joins: []*pb.Member{bob, cid}}, []string{"bob", "cid", "dan"}, []string{"bob", "cid", "dan"}},
		"member_invited": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberInvited{MemberInvited: &pb.MemberInvited{User: "cid"}}},
			effect.Effect{Invites: "cid"}, []string{"bob", "dan"}, []string{"bob", "cid", "dan"}},
		"invitation_declined": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_InvitationDeclined{InvitationDeclined: &pb.InvitationDeclined{User: "cid"}}},
			effect.Effect{Settles: "cid"}, []string{"bob", "dan"}, []string{"bob", "cid", "dan"}},
		"member_joined": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{MemberJoined: &pb.MemberJoined{Member: cid}}},
			effect.Effect{Joins: []*pb.Member{cid}, Settles: "cid"}, []string{"bob", "cid", "dan"}, []string{"bob", "cid", "dan"}},
		"member_left": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: &pb.MemberLeft{User: "bob", NewOwner: "dan"}}},
			effect.Effect{Leaves: "bob", Roles: []effect.Role{{User: "dan", Role: pb.Role_ROLE_OWNER}}}, []string{"dan"}, []string{"bob", "dan"}},
		"member_removed": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{MemberRemoved: &pb.MemberRemoved{User: "dan"}}},
			effect.Effect{Leaves: "dan"}, []string{"bob"}, []string{"bob", "dan"}},
		"conversation_renamed": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationRenamed{ConversationRenamed: &pb.ConversationRenamed{}}},
			effect.Effect{}, []string{"bob", "dan"}, []string{"bob", "dan"}},
		"role_changed": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: &pb.RoleChanged{User: "dan", Role: pb.Role_ROLE_OWNER, FormerOwner: "bob"}}},
			effect.Effect{Roles: []effect.Role{{User: "bob", Role: pb.Role_ROLE_ADMIN}, {User: "dan", Role: pb.Role_ROLE_OWNER}}},
			[]string{"bob", "dan"}, []string{"bob", "dan"}},
		"message_sent": {
			&pb.ConversationEvent{Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{}}},
			effect.Effect{Message: true}, []string{"bob", "dan"}, []string{"bob", "dan"}},
		"block_changed": { // no rules emit it
			&pb.ConversationEvent{Word: &pb.ConversationEvent_BlockChanged{BlockChanged: &pb.BlockChanged{User: "bob"}}},
			effect.Effect{}, []string{"bob", "dan"}, []string{"bob", "dan"}},
	}
	payloads := (&pb.ConversationEvent{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range payloads.Len() {
		name := string(payloads.Get(i).Name())
		t.Run(name, func(t *testing.T) {
			c, ok := cases[name]
			require.True(t, ok, "say in effect.Of what %s does, and here", name)
			got := effect.Of(c.event)
			require.Equal(t, c.want, got)
			require.Equal(t, c.members, got.Members([]string{"dan", "bob"}))
			require.Equal(t, c.audience, got.Audience([]string{"dan", "bob"}), "by the members before")
			require.Equal(t, c.audience, got.Audience(got.Members([]string{"dan", "bob"})), "by the members after")
		})
	}
	require.Zero(t, effect.Of(&pb.ConversationEvent{}), "an unknown event does nothing")
	require.Zero(t, effect.Of(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{}}))
}

func TestOutcome(t *testing.T) {
	ann := &pb.Origin{User: "ann", DeviceId: "phone", ClientSeq: 3}
	refused := func(reason pb.Reason) *pb.InboxEvent {
		return &pb.InboxEvent{Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Origin: ann, Reason: reason}}}
	}
	said := &pb.InboxEvent{Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{Event: &pb.ConversationEvent{Origin: ann}}}}
	account := &pb.InboxEvent{Word: &pb.InboxEvent_Account{Account: &pb.AccountSaid{Event: &pb.AccountEvent{Origin: ann}}}}
	require.Same(t, ann, effect.Outcome("ann", said))
	require.Same(t, ann, effect.Outcome("ann", account))
	require.Nil(t, effect.Outcome("bob", said), "others are told of it too")
	require.Nil(t, effect.Outcome("ann", &pb.InboxEvent{Word: &pb.InboxEvent_Receipt{}}))
	require.Nil(t, effect.Outcome("ann", &pb.InboxEvent{Word: &pb.InboxEvent_Account{Account: &pb.AccountSaid{
		Event: &pb.AccountEvent{Origin: &pb.Origin{User: "ann"}}}}}), "no device asked for it")
	for number := range pb.Reason_name {
		reason := pb.Reason(number)
		takes := reason != pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ && reason != pb.Reason_REASON_TOO_MANY_DEVICES
		require.Equal(t, takes, effect.TakesNumber(reason), "%s", reason)
		require.Equal(t, takes, effect.Outcome("ann", refused(reason)) != nil, "%s", reason)
	}
}

func TestUnread(t *testing.T) {
	member := pb.Membership_MEMBERSHIP_MEMBER
	for _, c := range []struct {
		line *pb.ConversationSummary
		want uint64
	}{
		{nil, 0},
		{&pb.ConversationSummary{Membership: member, Number: 9}, 9},
		{&pb.ConversationSummary{Membership: member, Number: 9, Marks: &pb.Marks{Read: 4}}, 5},
		{&pb.ConversationSummary{Membership: member, Number: 9, SinceNumber: 7, Marks: &pb.Marks{Read: 4}}, 2},
		{&pb.ConversationSummary{Membership: member, Number: 9, Marks: &pb.Marks{Read: 12}}, 0},
		{&pb.ConversationSummary{Membership: pb.Membership_MEMBERSHIP_GONE, Number: 9}, 0},
	} {
		require.Equal(t, c.want, effect.Unread(c.line), "%v", c.line)
	}
	sent := &pb.ConversationEvent{Number: 4, Origin: &pb.Origin{User: "ann"}, Word: &pb.ConversationEvent_MessageSent{}}
	require.EqualValues(t, 4, effect.Reads("ann", sent))
	require.Zero(t, effect.Reads("bob", sent))
	require.Zero(t, effect.Reads("ann", &pb.ConversationEvent{Number: 4, Origin: sent.Origin}))
}

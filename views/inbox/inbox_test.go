// How a line of a list is folded: tables, and that repeats change nothing.

package inbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
)

const group = "g-one/main"

func delivered(number uint64, event *pb.ConversationEvent) *pb.InboxEvent {
	return &pb.InboxEvent{InboxSeq: number, Epoch: 1, Word: &pb.InboxEvent_Conversation{
		Conversation: &pb.ConversationSaid{Conversation: group, Event: event}}}
}

func receipt(number uint64, user string, read uint64) *pb.InboxEvent {
	return &pb.InboxEvent{InboxSeq: number, Epoch: 1, Word: &pb.InboxEvent_Receipt{Receipt: &pb.ReceiptSaid{
		Conversation: group, User: user, Marks: &pb.Marks{Delivered: read, Read: read}}}}
}

func created(user string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Seq: 1, TimeMs: 10, Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{Kind: pb.Kind_KIND_GROUP, Title: title("first"), Members: []*pb.Member{{User: user}}}}}
}

func joined(seq, number uint64, user string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Seq: seq, Number: number, TimeMs: int64(seq), Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: &pb.Member{User: user, SinceSeq: seq, SinceNumber: number}, Title: title("joined")}}}
}

func message(seq, number uint64, sender string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Seq: seq, Number: number, TimeMs: int64(10 * seq), Origin: &pb.Origin{User: sender},
		Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: title("hello"), ReplyTo: 3}}}
}

func title(text string) *pb.Sealed { return &pb.Sealed{KeyId: "k", Ciphertext: []byte(text)} }

// fold is Bob's line after events.
func fold(events ...*pb.InboxEvent) *pb.ConversationSummary {
	var line *pb.ConversationSummary
	for _, event := range events {
		line = inbox.Fold("bob", line, event)
	}
	return line
}

func TestFold(t *testing.T) {
	last := func(number, seq uint64, sender string) *pb.HistoryMessage {
		return &pb.HistoryMessage{Number: number, Seq: seq, Sender: sender, TimeMs: int64(10 * seq), Body: title("hello"), ReplyTo: 3}
	}
	for _, c := range []struct {
		what   string
		events []*pb.InboxEvent
		want   *pb.ConversationSummary
		unread uint64
	}{
		{"created by Bob", []*pb.InboxEvent{delivered(1, created("bob"))},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("first"), Seq: 1, TimeMs: 10, InboxSeq: 1, Membership: pb.Membership_MEMBERSHIP_MEMBER}, 0},
		{"joined late, two messages", []*pb.InboxEvent{delivered(4, joined(9, 5, "bob")), delivered(5, message(10, 6, "ann")), delivered(6, message(11, 7, "ann"))},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("joined"), Seq: 11, Number: 7, SinceNumber: 5, TimeMs: 110,
				InboxSeq: 6, Last: last(7, 11, "ann"), Membership: pb.Membership_MEMBERSHIP_MEMBER}, 2},
		{"an own message was read, and all before it", []*pb.InboxEvent{delivered(4, joined(9, 5, "bob")), delivered(5, message(10, 6, "ann")), delivered(6, message(11, 7, "bob"))},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("joined"), Seq: 11, Number: 7, SinceNumber: 5, TimeMs: 110,
				InboxSeq: 6, Last: last(7, 11, "bob"), Marks: &pb.Marks{Delivered: 7, Read: 7}, Membership: pb.Membership_MEMBERSHIP_MEMBER}, 0},
		{"marks rise and never fall", []*pb.InboxEvent{delivered(1, message(10, 6, "ann")), receipt(2, "bob", 4), receipt(3, "bob", 2), receipt(4, "ann", 6)},
			&pb.ConversationSummary{Seq: 10, Number: 6, TimeMs: 100, InboxSeq: 3, Last: last(6, 10, "ann"),
				Marks: &pb.Marks{Delivered: 4, Read: 4}, Membership: pb.Membership_MEMBERSHIP_MEMBER}, 2},
		{"another joins", []*pb.InboxEvent{delivered(1, created("bob")), delivered(2, joined(2, 0, "cid"))},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("first"), Seq: 2, TimeMs: 10, InboxSeq: 2, Membership: pb.Membership_MEMBERSHIP_MEMBER}, 0},
		{"invited", []*pb.InboxEvent{delivered(1, &pb.ConversationEvent{Seq: 8, Number: 5, TimeMs: 7, Word: &pb.ConversationEvent_MemberInvited{
			MemberInvited: &pb.MemberInvited{User: "bob", Title: title("come")}}})},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("come"), Seq: 8, Number: 5, TimeMs: 7, InboxSeq: 1, Membership: pb.Membership_MEMBERSHIP_INVITED}, 0},
		{"removed: the line stays", []*pb.InboxEvent{delivered(1, created("bob")), delivered(2, message(2, 1, "ann")), delivered(3, &pb.ConversationEvent{
			Seq: 3, Number: 1, TimeMs: 30, Word: &pb.ConversationEvent_MemberRemoved{MemberRemoved: &pb.MemberRemoved{User: "bob"}}})},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("first"), Seq: 3, Number: 1, TimeMs: 30, InboxSeq: 3,
				Last: last(1, 2, "ann"), Membership: pb.Membership_MEMBERSHIP_GONE}, 0},
		{"joined again: what was sent meanwhile and before is not shown", []*pb.InboxEvent{delivered(1, created("bob")), delivered(2, message(2, 1, "ann")),
			delivered(3, &pb.ConversationEvent{Seq: 3, Number: 1, Word: &pb.ConversationEvent_MemberLeft{MemberLeft: &pb.MemberLeft{User: "bob"}}}),
			delivered(4, joined(9, 5, "bob"))},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("joined"), Seq: 9, Number: 5, SinceNumber: 5, TimeMs: 20, InboxSeq: 4,
				Membership: pb.Membership_MEMBERSHIP_MEMBER}, 0},
		{"declined", []*pb.InboxEvent{delivered(1, &pb.ConversationEvent{Seq: 8, Word: &pb.ConversationEvent_InvitationDeclined{
			InvitationDeclined: &pb.InvitationDeclined{User: "bob"}}})},
			&pb.ConversationSummary{Seq: 8, InboxSeq: 1, Membership: pb.Membership_MEMBERSHIP_GONE}, 0},
		{"renamed", []*pb.InboxEvent{delivered(1, created("bob")), delivered(2, &pb.ConversationEvent{Seq: 2, TimeMs: 5, Word: &pb.ConversationEvent_ConversationRenamed{
			ConversationRenamed: &pb.ConversationRenamed{Title: title("second")}}})},
			&pb.ConversationSummary{Kind: pb.Kind_KIND_GROUP, Title: title("second"), Seq: 2, TimeMs: 10, InboxSeq: 2, Membership: pb.Membership_MEMBERSHIP_MEMBER}, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.want.Conversation, c.want.Epoch = group, 1
			got := fold(c.events...)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
			require.Equal(t, c.unread, effect.Unread(got))
		})
	}
}

func TestEventsOfNoConversationMakeNoLine(t *testing.T) {
	require.Nil(t, fold(receipt(1, "bob", 5)), "a device may claim to have read any conversation")
	require.Nil(t, fold(receipt(1, "ann", 5)))
	require.Nil(t, fold(&pb.InboxEvent{InboxSeq: 1, Epoch: 1, Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Conversation: group}}}))
	require.Nil(t, fold(&pb.InboxEvent{InboxSeq: 1, Epoch: 1, Word: &pb.InboxEvent_Account{}}))
	require.Nil(t, fold(&pb.InboxEvent{InboxSeq: 1, Epoch: 1}))
}

func TestValid(t *testing.T) {
	good := delivered(1, created("bob"))
	require.True(t, inbox.Valid("bob", good))
	require.False(t, inbox.Valid("g-one", good), "a group has no inbox")
	require.False(t, inbox.Valid("bob}:x", good))
	require.False(t, inbox.Valid("", good))
	require.False(t, inbox.Valid("bob", delivered(0, created("bob"))))
	require.False(t, inbox.Valid("bob", &pb.InboxEvent{InboxSeq: 1}))
	bad := delivered(1, created("bob"))
	bad.GetConversation().Conversation = "nowhere"
	require.False(t, inbox.Valid("bob", bad))
}

// anything draws an event of any kind, true to no conversation at all.
func anything(r *rapid.T, number uint64) *pb.InboxEvent {
	user := rapid.SampledFrom([]string{"ann", "bob"})
	seq, count := rapid.Uint64Range(1, 30).Draw(r, "seq"), rapid.Uint64Range(0, 30).Draw(r, "number")
	switch rapid.IntRange(0, 5).Draw(r, "kind") {
	case 0:
		return delivered(number, joined(seq, count, user.Draw(r, "user")))
	case 1:
		return receipt(number, user.Draw(r, "user"), count)
	case 2:
		return delivered(number, &pb.ConversationEvent{Seq: seq, Number: count, Word: &pb.ConversationEvent_MemberLeft{
			MemberLeft: &pb.MemberLeft{User: user.Draw(r, "user")}}})
	case 3:
		return &pb.InboxEvent{InboxSeq: number, Epoch: 1}
	default:
		return delivered(number, message(seq, count, user.Draw(r, "user")))
	}
}

// TestRepeatsChangeNothing: behind any prefix, any of its events may come again in any order.
func TestRepeatsChangeNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var line *pb.ConversationSummary
		var events []*pb.InboxEvent
		for number := range rapid.Uint64Range(1, 40).Draw(r, "events") {
			events = append(events, anything(r, number+1))
			before := line.CloneVT()
			next := inbox.Fold("bob", line, events[number])
			require.True(t, proto.Equal(before, line), "the fold changed what it was given")
			line = next
			if line.GetInboxSeq() <= number {
				continue // the newest event changed nothing, so it may come again and change nothing
			}
			again := rapid.SampledFrom(events).Draw(r, "again")
			require.Same(t, line, inbox.Fold("bob", line, again))
		}
		require.True(t, proto.Equal(line, inbox.Fold("bob", nil, events...)), "all at once is one after another")
		require.LessOrEqual(t, effect.Unread(line), line.GetNumber())
		if line.GetMembership() == pb.Membership_MEMBERSHIP_UNSPECIFIED {
			require.Nil(t, line)
		}
	})
}

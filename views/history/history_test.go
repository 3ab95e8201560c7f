// How a conversation is folded: tables of members, and that cuts and repeats change nothing.

package history_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/history"
)

const group = "g-one/main"

func fold(events ...*pb.ConversationEvent) *pb.ConversationDocument {
	var document *pb.ConversationDocument
	for i, event := range events {
		event.Seq = uint64(i) + 1
		document = history.Fold(document, group, event)
	}
	return document
}

func created(users ...string) *pb.ConversationEvent {
	payload := &pb.ConversationCreated{Kind: pb.Kind_KIND_GROUP, Title: &pb.Sealed{KeyId: "first"}}
	for _, user := range users {
		payload.Members = append(payload.Members, &pb.Member{User: user, Role: pb.Role_ROLE_OWNER, SinceSeq: 1})
	}
	return &pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{ConversationCreated: payload}}
}

func joined(user string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: &pb.Member{User: user, Role: pb.Role_ROLE_MEMBER, SinceNumber: 7}}}}
}

func left(user, owner string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: &pb.MemberLeft{User: user, NewOwner: owner}}}
}

func removed(user string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{MemberRemoved: &pb.MemberRemoved{User: user}}}
}

func role(user string, role pb.Role, former string) *pb.ConversationEvent {
	return &pb.ConversationEvent{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: &pb.RoleChanged{User: user, Role: role, FormerOwner: former}}}
}

func message(number uint64) *pb.ConversationEvent {
	return &pb.ConversationEvent{Number: number, Origin: &pb.Origin{User: "ann"}, TimeMs: 5,
		Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: &pb.Sealed{KeyId: "k"}, ReplyTo: 2}}}
}

func TestFoldKeepsTheMembers(t *testing.T) {
	for _, c := range []struct {
		what   string
		events []*pb.ConversationEvent
		want   string
	}{
		{"made", []*pb.ConversationEvent{created("ann")}, "ann:OWNER"},
		{"sorted", []*pb.ConversationEvent{created("mia"), joined("zoe"), joined("ann"), joined("max")}, "ann:MEMBER max:MEMBER mia:OWNER zoe:MEMBER"},
		{"joined twice", []*pb.ConversationEvent{created("ann"), joined("bob"), joined("bob")}, "ann:OWNER bob:MEMBER"},
		{"left", []*pb.ConversationEvent{created("ann"), joined("bob"), left("bob", "")}, "ann:OWNER"},
		{"the owner left", []*pb.ConversationEvent{created("ann"), joined("bob"), left("ann", "bob")}, "bob:OWNER"},
		{"removed", []*pb.ConversationEvent{created("ann"), joined("bob"), removed("bob"), removed("zoe")}, "ann:OWNER"},
		{"another owner", []*pb.ConversationEvent{created("ann"), joined("bob"), role("bob", pb.Role_ROLE_OWNER, "ann")}, "ann:ADMIN bob:OWNER"},
		{"a role for nobody", []*pb.ConversationEvent{created("ann"), role("zoe", pb.Role_ROLE_ADMIN, "")}, "ann:OWNER"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var got []string
			document := fold(c.events...)
			for _, member := range document.Members {
				got = append(got, member.User+":"+strings.TrimPrefix(member.Role.String(), "ROLE_"))
			}
			require.Equal(t, c.want, strings.Join(got, " "))
			require.EqualValues(t, len(c.events), document.Seq)
		})
	}
}

func TestFoldKeepsTitleAndNumber(t *testing.T) {
	document := fold(created("ann"), message(1), message(2), &pb.ConversationEvent{Number: 2, Word: &pb.ConversationEvent_ConversationRenamed{
		ConversationRenamed: &pb.ConversationRenamed{Title: &pb.Sealed{KeyId: "second"}}}})
	require.Equal(t, "second", document.Title.KeyId)
	require.EqualValues(t, 2, document.Number)
	require.Equal(t, pb.Kind_KIND_GROUP, document.Kind)
	require.NotNil(t, history.Member(document, "ann"))
	require.Nil(t, history.Member(document, "bob"))
	require.Nil(t, history.Member(nil, "bob"))
}

func TestWhole(t *testing.T) {
	require.True(t, history.Whole(nil, &pb.ConversationEvent{Seq: 1}))
	require.False(t, history.Whole(nil, &pb.ConversationEvent{Seq: 2}))
	document := &pb.ConversationDocument{Seq: 5}
	require.True(t, history.Whole(document, &pb.ConversationEvent{Seq: 3}))
	require.True(t, history.Whole(document, &pb.ConversationEvent{Seq: 6}))
	require.False(t, history.Whole(document, &pb.ConversationEvent{Seq: 7}))
}

func TestMessage(t *testing.T) {
	require.Nil(t, history.Message(created("ann")))
	require.Nil(t, history.Message(message(0)), "no message has the number 0")
	event := message(9)
	event.Seq = 12
	require.True(t, proto.Equal(&pb.HistoryMessage{Number: 9, Seq: 12, Sender: "ann", TimeMs: 5, Body: &pb.Sealed{KeyId: "k"}, ReplyTo: 2}, history.Message(event)))
}

func TestValid(t *testing.T) {
	require.True(t, history.Valid(group, &pb.ConversationEvent{Seq: 1}))
	for _, key := range []string{"", "g-one", "a/b/c", "a#1/b", "$where/x", "b/a/"} {
		require.False(t, history.Valid(key, &pb.ConversationEvent{Seq: 1}), key)
	}
	require.False(t, history.Valid(group, &pb.ConversationEvent{}))
}

// TestAnyCutAndRepeatIsStraight: folding goes on from any stored document, over any earlier events once more, and
// changes neither the document nor the events that it is given.
func TestAnyCutAndRepeatIsStraight(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		users := rapid.SampledFrom([]string{"ann", "bob", "cid", "dan"})
		events := []*pb.ConversationEvent{created("ann")}
		for range rapid.IntRange(0, 30).Draw(r, "events") {
			user, other := users.Draw(r, "user"), users.Draw(r, "other")
			events = append(events, rapid.SampledFrom([]*pb.ConversationEvent{
				joined(user), left(user, other), removed(user), role(user, pb.Role_ROLE_OWNER, other), message(1)}).Draw(r, "event"))
		}
		for i := range events {
			events[i] = events[i].CloneVT() // fold numbers them
		}
		want := fold(events...)
		require.True(t, slices.IsSortedFunc(want.Members, func(a, b *pb.Member) int { return strings.Compare(a.User, b.User) }))

		untouched := make([]*pb.ConversationEvent, len(events))
		for i, event := range events {
			untouched[i] = event.CloneVT()
		}
		var document *pb.ConversationDocument
		for at := 0; at < len(events); {
			stored := document.CloneVT()
			next := history.Fold(document, group, events[at])
			require.True(t, proto.Equal(stored, document), "the fold changed what it was given")
			again := events[rapid.IntRange(0, at).Draw(r, "again")]
			require.Same(t, next, history.Fold(next, group, again), "what is in the document changes nothing")
			if document = next; rapid.IntRange(0, 3).Draw(r, "back") == 0 {
				at = rapid.IntRange(0, at).Draw(r, "to")
				document = document.CloneVT() // from the store
				continue
			}
			at++
		}
		require.True(t, proto.Equal(want, document))
		require.True(t, proto.Equal(want, history.Fold(nil, group, events...)), "all at once is one after another")
		require.True(t, history.Whole(nil, events...))
		require.Equal(t, len(events) == 1, history.Whole(nil, events[1:]...), "the first is missing")
		for i, event := range events {
			require.True(t, proto.Equal(untouched[i], event), "the fold changed an event")
		}
	})
}

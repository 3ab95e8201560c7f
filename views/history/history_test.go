// How a conversation is folded: tables of members, and that cuts and repeats change nothing.

package history_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/history"
)

const group = "g-one/main"

func fold(events ...*v1.ConversationEvent) *v1.ConversationDocument {
	var document *v1.ConversationDocument
	for i, event := range events {
		event.Seq = uint64(i) + 1
		document = history.Fold(document, group, event)
	}
	return document
}

func created(users ...string) *v1.ConversationEvent {
	word := &v1.ConversationCreated{Kind: v1.Kind_KIND_GROUP, Title: &v1.Sealed{KeyId: "first"}}
	for _, user := range users {
		word.Members = append(word.Members, &v1.Member{User: user, Role: v1.Role_ROLE_OWNER, SinceSeq: 1})
	}
	return &v1.ConversationEvent{Word: &v1.ConversationEvent_ConversationCreated{ConversationCreated: word}}
}

func joined(user string) *v1.ConversationEvent {
	return &v1.ConversationEvent{Word: &v1.ConversationEvent_MemberJoined{
		MemberJoined: &v1.MemberJoined{Member: &v1.Member{User: user, Role: v1.Role_ROLE_MEMBER, SinceNumber: 7}}}}
}

func left(user, owner string) *v1.ConversationEvent {
	return &v1.ConversationEvent{Word: &v1.ConversationEvent_MemberLeft{MemberLeft: &v1.MemberLeft{User: user, NewOwner: owner}}}
}

func removed(user string) *v1.ConversationEvent {
	return &v1.ConversationEvent{Word: &v1.ConversationEvent_MemberRemoved{MemberRemoved: &v1.MemberRemoved{User: user}}}
}

func role(user string, role v1.Role, former string) *v1.ConversationEvent {
	return &v1.ConversationEvent{Word: &v1.ConversationEvent_RoleChanged{RoleChanged: &v1.RoleChanged{User: user, Role: role, FormerOwner: former}}}
}

func message(number uint64) *v1.ConversationEvent {
	return &v1.ConversationEvent{Number: number, Origin: &v1.Origin{User: "ann"}, TimeMs: 5,
		Word: &v1.ConversationEvent_MessageSent{MessageSent: &v1.MessageSent{Body: &v1.Sealed{KeyId: "k"}, ReplyTo: 2}}}
}

func TestFoldKeepsTheMembers(t *testing.T) {
	for _, c := range []struct {
		what   string
		events []*v1.ConversationEvent
		want   string
	}{
		{"made", []*v1.ConversationEvent{created("ann")}, "ann:OWNER"},
		{"sorted", []*v1.ConversationEvent{created("mia"), joined("zoe"), joined("ann"), joined("max")}, "ann:MEMBER max:MEMBER mia:OWNER zoe:MEMBER"},
		{"joined twice", []*v1.ConversationEvent{created("ann"), joined("bob"), joined("bob")}, "ann:OWNER bob:MEMBER"},
		{"left", []*v1.ConversationEvent{created("ann"), joined("bob"), left("bob", "")}, "ann:OWNER"},
		{"the owner left", []*v1.ConversationEvent{created("ann"), joined("bob"), left("ann", "bob")}, "bob:OWNER"},
		{"removed", []*v1.ConversationEvent{created("ann"), joined("bob"), removed("bob"), removed("zoe")}, "ann:OWNER"},
		{"another owner", []*v1.ConversationEvent{created("ann"), joined("bob"), role("bob", v1.Role_ROLE_OWNER, "ann")}, "ann:ADMIN bob:OWNER"},
		{"a role for nobody", []*v1.ConversationEvent{created("ann"), role("zoe", v1.Role_ROLE_ADMIN, "")}, "ann:OWNER"},
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
	document := fold(created("ann"), message(1), message(2), &v1.ConversationEvent{Number: 2, Word: &v1.ConversationEvent_ConversationRenamed{
		ConversationRenamed: &v1.ConversationRenamed{Title: &v1.Sealed{KeyId: "second"}}}})
	require.Equal(t, "second", document.Title.KeyId)
	require.EqualValues(t, 2, document.Number)
	require.Equal(t, v1.Kind_KIND_GROUP, document.Kind)
	require.NotNil(t, history.Member(document, "ann"))
	require.Nil(t, history.Member(document, "bob"))
	require.Nil(t, history.Member(nil, "bob"))
}

func TestWhole(t *testing.T) {
	require.True(t, history.Whole(nil, &v1.ConversationEvent{Seq: 1}))
	require.False(t, history.Whole(nil, &v1.ConversationEvent{Seq: 2}))
	document := &v1.ConversationDocument{Seq: 5}
	require.True(t, history.Whole(document, &v1.ConversationEvent{Seq: 3}))
	require.True(t, history.Whole(document, &v1.ConversationEvent{Seq: 6}))
	require.False(t, history.Whole(document, &v1.ConversationEvent{Seq: 7}))
}

func TestMessage(t *testing.T) {
	require.Nil(t, history.Message(created("ann")))
	require.Nil(t, history.Message(message(0)), "no message has the number 0")
	event := message(9)
	event.Seq = 12
	require.True(t, proto.Equal(&v1.HistoryMessage{Number: 9, Seq: 12, Sender: "ann", TimeMs: 5, Body: &v1.Sealed{KeyId: "k"}, ReplyTo: 2}, history.Message(event)))
}

func TestValid(t *testing.T) {
	require.True(t, history.Valid(group, &v1.ConversationEvent{Seq: 1}))
	for _, key := range []string{"", "g-one", "a/b/c", "a#1/b", "$where/x", "b/a/"} {
		require.False(t, history.Valid(key, &v1.ConversationEvent{Seq: 1}), key)
	}
	require.False(t, history.Valid(group, &v1.ConversationEvent{}))
}

// TestAnyCutAndRepeatIsStraight: folding goes on from any stored document, over any earlier events once more, and
// changes neither the document nor the events that it is given.
func TestAnyCutAndRepeatIsStraight(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		users := rapid.SampledFrom([]string{"ann", "bob", "cid", "dan"})
		events := []*v1.ConversationEvent{created("ann")}
		for range rapid.IntRange(0, 30).Draw(r, "events") {
			user, other := users.Draw(r, "user"), users.Draw(r, "other")
			events = append(events, rapid.SampledFrom([]*v1.ConversationEvent{
				joined(user), left(user, other), removed(user), role(user, v1.Role_ROLE_OWNER, other), message(1)}).Draw(r, "event"))
		}
		for i := range events {
			events[i] = events[i].CloneVT() // fold numbers them
		}
		want := fold(events...)
		require.True(t, slices.IsSortedFunc(want.Members, func(a, b *v1.Member) int { return strings.Compare(a.User, b.User) }))

		untouched := make([]*v1.ConversationEvent, len(events))
		for i, event := range events {
			untouched[i] = event.CloneVT()
		}
		var document *v1.ConversationDocument
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

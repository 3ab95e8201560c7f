// Package history folds conversation.events into who is a member of a conversation, and into its messages.
//
// The membership of a position is written before the messages of that position and read after them, so nobody is shown
// what was said after they went.
package history

import (
	"slices"
	"strings"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can be a conversation's. What cannot was not written by this house.
func Valid(conversation string, event *v1.ConversationEvent) bool {
	return name.ValidConversation(conversation) && event.Seq > 0
}

// Whole reports whether the document and the events hold everything before each event: one that jumps ahead finds a store
// that has lost something.
func Whole(document *v1.ConversationDocument, events ...*v1.ConversationEvent) bool {
	seq := document.GetSeq()
	for _, event := range events {
		if event.Seq > seq+1 {
			return false
		}
		seq = max(seq, event.Seq)
	}
	return true
}

// Fold is the document after events. It answers the document itself, untouched, when they are in it already.
// document = nil means that there is none yet.
func Fold(document *v1.ConversationDocument, conversation string, events ...*v1.ConversationEvent) *v1.ConversationDocument {
	now := document
	for _, event := range events {
		if event.Seq <= now.GetSeq() {
			continue
		}
		if now == document { // the fold never changes what it is given; one copy is enough for all events
			now = begin(document, conversation)
		}
		now.Seq, now.Number = event.Seq, max(now.Number, event.Number)
		hear(now, event)
	}
	return now
}

func begin(document *v1.ConversationDocument, conversation string) *v1.ConversationDocument {
	if document == nil {
		return &v1.ConversationDocument{Conversation: conversation}
	}
	return document.CloneVT()
}

// hear folds who is a member, and what the conversation is called.
func hear(next *v1.ConversationDocument, event *v1.ConversationEvent) {
	switch word := event.Word.(type) {
	case *v1.ConversationEvent_ConversationCreated:
		next.Kind, next.Title = word.ConversationCreated.GetKind(), word.ConversationCreated.GetTitle()
		for _, member := range word.ConversationCreated.GetMembers() {
			put(next, member)
		}
	case *v1.ConversationEvent_MemberJoined:
		put(next, word.MemberJoined.GetMember())
	case *v1.ConversationEvent_MemberLeft:
		remove(next, word.MemberLeft.GetUser())
		role(next, word.MemberLeft.GetNewOwner(), v1.Role_ROLE_OWNER)
	case *v1.ConversationEvent_MemberRemoved:
		remove(next, word.MemberRemoved.GetUser())
	case *v1.ConversationEvent_ConversationRenamed:
		next.Title = word.ConversationRenamed.GetTitle()
	case *v1.ConversationEvent_RoleChanged:
		role(next, word.RoleChanged.GetUser(), word.RoleChanged.GetRole())
		role(next, word.RoleChanged.GetFormerOwner(), v1.Role_ROLE_ADMIN)
	}
}

// Message is the message that an event says, nil when it says none.
func Message(event *v1.ConversationEvent) *v1.HistoryMessage {
	sent := event.GetMessageSent()
	if sent == nil || event.Number == 0 {
		return nil
	}
	return &v1.HistoryMessage{
		Number: event.Number, Seq: event.Seq, Sender: event.GetOrigin().GetUser(),
		TimeMs: event.TimeMs, Body: sent.GetBody(), ReplyTo: sent.GetReplyTo(),
	}
}

// Member finds a person among the members, nil for strangers.
func Member(document *v1.ConversationDocument, user string) *v1.Member {
	if i, ok := find(document, user); ok {
		return document.Members[i]
	}
	return nil
}

func find(document *v1.ConversationDocument, user string) (int, bool) {
	return slices.BinarySearchFunc(document.GetMembers(), user, func(m *v1.Member, user string) int {
		return strings.Compare(m.GetUser(), user)
	})
}

func put(document *v1.ConversationDocument, member *v1.Member) {
	i, ok := find(document, member.GetUser())
	if ok {
		document.Members[i] = member
		return
	}
	document.Members = slices.Insert(document.Members, i, member)
}

func remove(document *v1.ConversationDocument, user string) {
	if i, ok := find(document, user); ok {
		document.Members = slices.Delete(document.Members, i, i+1)
	}
}

// role gives a member a role; user = "" or a stranger changes nothing.
func role(document *v1.ConversationDocument, user string, role v1.Role) {
	if i, ok := find(document, user); ok {
		member := document.Members[i].CloneVT() // members of an event are shared with whoever holds the event
		member.Role = role
		document.Members[i] = member
	}
}

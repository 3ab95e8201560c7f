// Package history folds conversation.events into who is a member of a conversation, and into its messages.
//
// The membership of a position is written before the messages of that position and read after them, so nobody is shown
// what was said after they went.
package history

import (
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can be a conversation's. What cannot was not written by this house.
func Valid(conversation string, event *pb.ConversationEvent) bool {
	return name.ValidConversation(conversation) && event.Seq > 0
}

// Whole reports whether the document and the events hold everything before each event: one that jumps ahead finds a store
// that has lost something.
func Whole(document *pb.ConversationDocument, events ...*pb.ConversationEvent) bool {
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
func Fold(document *pb.ConversationDocument, conversation string, events ...*pb.ConversationEvent) *pb.ConversationDocument {
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

func begin(document *pb.ConversationDocument, conversation string) *pb.ConversationDocument {
	if document == nil {
		return &pb.ConversationDocument{Conversation: conversation}
	}
	return document.CloneVT()
}

// hear folds who is a member, and what the conversation is called.
func hear(next *pb.ConversationDocument, event *pb.ConversationEvent) {
	switch word := event.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		next.Kind, next.Title = word.ConversationCreated.GetKind(), word.ConversationCreated.GetTitle()
		for _, member := range word.ConversationCreated.GetMembers() {
			put(next, member)
		}
	case *pb.ConversationEvent_MemberJoined:
		put(next, word.MemberJoined.GetMember())
	case *pb.ConversationEvent_MemberLeft:
		remove(next, word.MemberLeft.GetUser())
		role(next, word.MemberLeft.GetNewOwner(), pb.Role_ROLE_OWNER)
	case *pb.ConversationEvent_MemberRemoved:
		remove(next, word.MemberRemoved.GetUser())
	case *pb.ConversationEvent_ConversationRenamed:
		next.Title = word.ConversationRenamed.GetTitle()
	case *pb.ConversationEvent_RoleChanged:
		role(next, word.RoleChanged.GetUser(), word.RoleChanged.GetRole())
		role(next, word.RoleChanged.GetFormerOwner(), pb.Role_ROLE_ADMIN)
	}
}

// Message is the message that an event says, nil when it says none.
func Message(event *pb.ConversationEvent) *pb.HistoryMessage {
	sent := event.GetMessageSent()
	if sent == nil || event.Number == 0 {
		return nil
	}
	return &pb.HistoryMessage{
		Number: event.Number, Seq: event.Seq, Sender: event.GetOrigin().GetUser(),
		TimeMs: event.TimeMs, Body: sent.GetBody(), ReplyTo: sent.GetReplyTo(),
	}
}

// Member finds a person among the members, nil for strangers.
func Member(document *pb.ConversationDocument, user string) *pb.Member {
	if i, ok := find(document, user); ok {
		return document.Members[i]
	}
	return nil
}

func find(document *pb.ConversationDocument, user string) (int, bool) {
	return slices.BinarySearchFunc(document.GetMembers(), user, func(m *pb.Member, user string) int {
		return strings.Compare(m.GetUser(), user)
	})
}

func put(document *pb.ConversationDocument, member *pb.Member) {
	i, ok := find(document, member.GetUser())
	if ok {
		document.Members[i] = member
		return
	}
	document.Members = slices.Insert(document.Members, i, member)
}

func remove(document *pb.ConversationDocument, user string) {
	if i, ok := find(document, user); ok {
		document.Members = slices.Delete(document.Members, i, i+1)
	}
}

// role gives a member a role; user = "" or a stranger changes nothing.
func role(document *pb.ConversationDocument, user string, role pb.Role) {
	if i, ok := find(document, user); ok {
		member := document.Members[i].CloneVT() // members of an event are shared with whoever holds the event
		member.Role = role
		document.Members[i] = member
	}
}

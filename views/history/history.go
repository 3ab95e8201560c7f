// Package history folds conversation.events into the members of a conversation, and into its messages.
//
// The membership of a position is written before the messages of that position and read after them, so nobody is shown
// what was sent after they left.
package history

import (
	"slices"
	"strings"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can be those of a conversation. Parley writes no others.
func Valid(conversation string, event *pb.ConversationEvent) bool {
	return name.ValidConversation(conversation) && event.Seq > 0
}

// Whole reports whether the document and the events hold everything before each event. If not, the store has lost something.
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

// Fold is the document after events. It returns the document itself when they are in it already. document = nil means that
// there is none yet.
func Fold(document *pb.ConversationDocument, conversation string, events ...*pb.ConversationEvent) *pb.ConversationDocument {
	now := document
	for _, event := range events {
		if event.Seq <= now.GetSeq() {
			continue
		}
		if now == document { // the fold never changes its argument; one copy is enough for all events
			now = copied(document, conversation)
		}
		now.Seq, now.Number = event.Seq, max(now.Number, event.Number)
		apply(now, event)
	}
	return now
}

func copied(document *pb.ConversationDocument, conversation string) *pb.ConversationDocument {
	if document == nil {
		return &pb.ConversationDocument{Conversation: conversation}
	}
	return document.CloneVT()
}

// apply applies who is a member, and the title.
func apply(next *pb.ConversationDocument, event *pb.ConversationEvent) {
	does := effect.Of(event)
	for _, member := range does.Joins {
		put(next, member)
	}
	remove(next, does.Leaves)
	for _, given := range does.Roles {
		setRole(next, given)
	}
	switch payload := event.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		next.Kind, next.Title = payload.ConversationCreated.GetKind(), payload.ConversationCreated.GetTitle()
	case *pb.ConversationEvent_ConversationRenamed:
		next.Title = payload.ConversationRenamed.GetTitle()
	}
}

// Message is the message of an event, nil when it is none.
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

// setRole gives a member a role; for a stranger it changes nothing.
func setRole(document *pb.ConversationDocument, given effect.Role) {
	if i, ok := find(document, given.User); ok {
		member := document.Members[i].CloneVT() // members of an event are shared with whoever holds the event
		member.Role = given.Role
		document.Members[i] = member
	}
}

// Package inbox folds the events of a person's inbox into the lines of that person's list of conversations.
//
// A line is a pure fold of inbox.events, by (epoch, inbox_seq): a repeat or an older event changes nothing.
package inbox

import (
	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can be those of an inbox. Parley writes no others.
func Valid(user string, event *pb.InboxEvent) bool {
	if !name.ValidPerson(user) || event.InboxSeq == 0 || event.Epoch == 0 {
		return false
	}
	conversation := Conversation(event)
	return conversation == "" || name.ValidConversation(conversation)
}

// Conversation names the line that an event concerns, "" when it concerns none.
func Conversation(event *pb.InboxEvent) string {
	switch payload := event.Word.(type) {
	case *pb.InboxEvent_Conversation:
		return payload.Conversation.GetConversation()
	case *pb.InboxEvent_Receipt:
		return payload.Receipt.GetConversation()
	}
	return ""
}

// Fold is the line after events of its conversation. It returns the line itself when they change nothing: they are in the
// line already, or receipts of others. line = nil means that there is none yet.
func Fold(user string, line *pb.ConversationSummary, events ...*pb.InboxEvent) *pb.ConversationSummary {
	now := line
	for _, event := range events {
		if !newer(now, event) {
			continue
		}
		receipt := event.GetReceipt()
		if receipt != nil && (receipt.GetUser() != user || now == nil) {
			continue // a device may claim to have read any conversation: that makes no line
		}
		delivered := event.GetConversation()
		if receipt == nil && delivered == nil {
			continue
		}
		if now == line { // the fold never changes its argument; one copy is enough for all events
			now = copied(line, Conversation(event))
		}
		if receipt != nil {
			raise(now, receipt.GetMarks())
		} else {
			apply(now, user, delivered.GetEvent())
		}
		now.Epoch, now.InboxSeq = event.Epoch, event.InboxSeq
	}
	return now
}

func newer(line *pb.ConversationSummary, event *pb.InboxEvent) bool {
	if event.Epoch != line.GetEpoch() {
		return event.Epoch > line.GetEpoch()
	}
	return event.InboxSeq > line.GetInboxSeq()
}

func copied(line *pb.ConversationSummary, conversation string) *pb.ConversationSummary {
	if line == nil {
		return &pb.ConversationSummary{Conversation: conversation}
	}
	return line.CloneVT()
}

// apply applies an event of the conversation. An event that only members receive makes the person a member when nothing is
// known: after Redis was lost the inbox is folded from its retained part, which may begin after the person joined.
func apply(line *pb.ConversationSummary, user string, event *pb.ConversationEvent) {
	line.Seq = max(line.Seq, event.GetSeq())
	line.Number = max(line.Number, event.GetNumber())
	line.TimeMs = max(line.TimeMs, event.GetTimeMs())
	applyMembership(line, user, effect.Of(event))
	switch payload := event.GetWord().(type) {
	case *pb.ConversationEvent_ConversationCreated:
		line.Kind, line.Title = payload.ConversationCreated.GetKind(), payload.ConversationCreated.GetTitle()
	case *pb.ConversationEvent_MemberJoined:
		if payload.MemberJoined.GetMember().GetUser() == user {
			line.Kind = pb.Kind_KIND_GROUP
			if title := payload.MemberJoined.GetTitle(); title != nil {
				line.Title = title
			}
		}
	case *pb.ConversationEvent_MemberInvited:
		if payload.MemberInvited.GetUser() == user {
			line.Kind, line.Title = pb.Kind_KIND_GROUP, payload.MemberInvited.GetTitle()
		}
	case *pb.ConversationEvent_ConversationRenamed:
		line.Title = payload.ConversationRenamed.GetTitle()
	case *pb.ConversationEvent_MessageSent:
		line.Last = &pb.HistoryMessage{
			Number: event.GetNumber(), Seq: event.GetSeq(), Sender: event.GetOrigin().GetUser(),
			TimeMs: event.GetTimeMs(), Body: payload.MessageSent.GetBody(), ReplyTo: payload.MessageSent.GetReplyTo(),
		}
	}
	if read := effect.Reads(user, event); read > 0 {
		raise(line, &pb.Marks{Delivered: read, Read: read})
	}
}

// applyMembership applies what an event does to the person.
func applyMembership(line *pb.ConversationSummary, user string, does effect.Effect) {
	switch {
	case does.Invites == user:
		line.Membership = pb.Membership_MEMBERSHIP_INVITED
	case does.Leaves == user || does.Settles == user:
		line.Membership = pb.Membership_MEMBERSHIP_GONE
	}
	for _, member := range does.Joins { // who joins settles an invitation
		if member.GetUser() != user {
			continue
		}
		line.Membership, line.SinceNumber = pb.Membership_MEMBERSHIP_MEMBER, member.GetSinceNumber()
		if line.Last.GetNumber() <= line.SinceNumber {
			line.Last = nil // sent before the person joined (again): history does not show it either
		}
	}
	if line.Membership == pb.Membership_MEMBERSHIP_UNSPECIFIED {
		line.Membership = pb.Membership_MEMBERSHIP_MEMBER
	}
}

// raise raises marks, which never fall.
func raise(line *pb.ConversationSummary, marks *pb.Marks) {
	line.Marks = &pb.Marks{
		Delivered: max(line.GetMarks().GetDelivered(), marks.GetDelivered()),
		Read:      max(line.GetMarks().GetRead(), marks.GetRead()),
	}
}

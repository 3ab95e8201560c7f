// Package inbox folds what a person is told into the lines of that person's list of conversations.
//
// A line is a pure fold of inbox.events, by (epoch, inbox_seq): a repeat or an older event changes nothing.
package inbox

import (
	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can stand in an inbox. What cannot was not written by this house.
func Valid(user string, event *v1.InboxEvent) bool {
	if !name.ValidPerson(user) || event.InboxSeq == 0 || event.Epoch == 0 {
		return false
	}
	conversation := Conversation(event)
	return conversation == "" || name.ValidConversation(conversation)
}

// Conversation names the line that an event concerns, "" when it concerns none.
func Conversation(event *v1.InboxEvent) string {
	switch word := event.Word.(type) {
	case *v1.InboxEvent_Conversation:
		return word.Conversation.GetConversation()
	case *v1.InboxEvent_Receipt:
		return word.Receipt.GetConversation()
	}
	return ""
}

// Fold is the line after events of its conversation. It answers the line itself, untouched, when they change nothing: they
// are in the line already, or about another person's reading. line = nil means that there is none yet.
func Fold(user string, line *v1.ConversationSummary, events ...*v1.InboxEvent) *v1.ConversationSummary {
	now := line
	for _, event := range events {
		if !newer(now, event) {
			continue
		}
		receipt := event.GetReceipt()
		if receipt != nil && (receipt.GetUser() != user || now == nil) {
			continue // anybody may claim to have read any conversation: that makes no line
		}
		said := event.GetConversation()
		if receipt == nil && said == nil {
			continue
		}
		if now == line { // the fold never changes what it is given; one copy is enough for all events
			now = begin(line, Conversation(event))
		}
		if receipt != nil {
			raise(now, receipt.GetMarks())
		} else {
			hear(now, user, said.GetEvent())
		}
		now.Epoch, now.InboxSeq = event.Epoch, event.InboxSeq
	}
	return now
}

// Unread counts the messages that the person may see and has not read. It is derived, never counted up, so it cannot
// drift. Who is not a member has nothing to read.
func Unread(line *v1.ConversationSummary) uint64 {
	from := max(line.GetMarks().GetRead(), line.GetSinceNumber())
	if line.GetMembership() != v1.Membership_MEMBERSHIP_MEMBER || line.GetNumber() <= from {
		return 0
	}
	return line.GetNumber() - from
}

func newer(line *v1.ConversationSummary, event *v1.InboxEvent) bool {
	if event.Epoch != line.GetEpoch() {
		return event.Epoch > line.GetEpoch()
	}
	return event.InboxSeq > line.GetInboxSeq()
}

// begin copies a line, because the fold never changes what it is given.
func begin(line *v1.ConversationSummary, conversation string) *v1.ConversationSummary {
	if line == nil {
		return &v1.ConversationSummary{Conversation: conversation}
	}
	return line.CloneVT()
}

// hear folds what the conversation said. An event that only members hear makes a member of somebody of whom nothing is
// known: after Redis was lost the inbox is folded from its retained part, which may begin after the person came.
func hear(line *v1.ConversationSummary, user string, event *v1.ConversationEvent) {
	line.Seq = max(line.Seq, event.GetSeq())
	line.Number = max(line.Number, event.GetNumber())
	line.TimeMs = max(line.TimeMs, event.GetTimeMs())
	switch word := event.GetWord().(type) {
	case *v1.ConversationEvent_ConversationCreated:
		created(line, user, word.ConversationCreated)
	case *v1.ConversationEvent_MemberJoined:
		joined(line, user, word.MemberJoined)
	case *v1.ConversationEvent_MemberInvited:
		if word.MemberInvited.GetUser() == user {
			line.Kind, line.Title = v1.Kind_KIND_GROUP, word.MemberInvited.GetTitle()
			line.Membership = v1.Membership_MEMBERSHIP_INVITED
		}
	case *v1.ConversationEvent_InvitationDeclined:
		gone(line, user, word.InvitationDeclined.GetUser())
	case *v1.ConversationEvent_MemberLeft:
		gone(line, user, word.MemberLeft.GetUser())
	case *v1.ConversationEvent_MemberRemoved:
		gone(line, user, word.MemberRemoved.GetUser())
	case *v1.ConversationEvent_ConversationRenamed:
		line.Title = word.ConversationRenamed.GetTitle()
	case *v1.ConversationEvent_MessageSent:
		sent(line, user, event, word.MessageSent)
	}
	if line.Membership == v1.Membership_MEMBERSHIP_UNSPECIFIED {
		line.Membership = v1.Membership_MEMBERSHIP_MEMBER
	}
}

func created(line *v1.ConversationSummary, user string, word *v1.ConversationCreated) {
	line.Kind, line.Title = word.GetKind(), word.GetTitle()
	for _, member := range word.GetMembers() {
		if member.GetUser() == user {
			line.Membership, line.SinceNumber = v1.Membership_MEMBERSHIP_MEMBER, member.GetSinceNumber()
		}
	}
}

func joined(line *v1.ConversationSummary, user string, word *v1.MemberJoined) {
	if word.GetMember().GetUser() != user {
		return
	}
	line.Kind, line.Membership = v1.Kind_KIND_GROUP, v1.Membership_MEMBERSHIP_MEMBER
	line.SinceNumber = word.GetMember().GetSinceNumber()
	if word.GetTitle() != nil {
		line.Title = word.GetTitle()
	}
	if line.Last.GetNumber() <= line.SinceNumber {
		line.Last = nil // said before the person came (again): history does not show it either
	}
}

func gone(line *v1.ConversationSummary, user, who string) {
	if who == user {
		line.Membership = v1.Membership_MEMBERSHIP_GONE
	}
}

// sent keeps the message as the latest. Who writes has read what stands above: one's own send raises one's own marks.
func sent(line *v1.ConversationSummary, user string, event *v1.ConversationEvent, word *v1.MessageSent) {
	line.Last = &v1.HistoryMessage{
		Number: event.GetNumber(), Seq: event.GetSeq(), Sender: event.GetOrigin().GetUser(),
		TimeMs: event.GetTimeMs(), Body: word.GetBody(), ReplyTo: word.GetReplyTo(),
	}
	if event.GetOrigin().GetUser() == user {
		raise(line, &v1.Marks{Delivered: event.GetNumber(), Read: event.GetNumber()})
	}
}

// raise lets marks rise and never fall.
func raise(line *v1.ConversationSummary, marks *v1.Marks) {
	line.Marks = &v1.Marks{
		Delivered: max(line.GetMarks().GetDelivered(), marks.GetDelivered()),
		Read:      max(line.GetMarks().GetRead(), marks.GetRead()),
	}
}

// Package inbox folds what a person is told into the lines of that person's list of conversations.
//
// A line is a pure fold of inbox.events, by (epoch, inbox_seq): a repeat or an older event changes nothing.
package inbox

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Valid reports whether a record's key and event can stand in an inbox. What cannot was not written by this house.
func Valid(user string, event *pb.InboxEvent) bool {
	if !name.ValidPerson(user) || event.InboxSeq == 0 || event.Epoch == 0 {
		return false
	}
	conversation := Conversation(event)
	return conversation == "" || name.ValidConversation(conversation)
}

// Conversation names the line that an event concerns, "" when it concerns none.
func Conversation(event *pb.InboxEvent) string {
	switch word := event.Word.(type) {
	case *pb.InboxEvent_Conversation:
		return word.Conversation.GetConversation()
	case *pb.InboxEvent_Receipt:
		return word.Receipt.GetConversation()
	}
	return ""
}

// Fold is the line after events of its conversation. It answers the line itself, untouched, when they change nothing: they
// are in the line already, or about another person's reading. line = nil means that there is none yet.
func Fold(user string, line *pb.ConversationSummary, events ...*pb.InboxEvent) *pb.ConversationSummary {
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
func Unread(line *pb.ConversationSummary) uint64 {
	from := max(line.GetMarks().GetRead(), line.GetSinceNumber())
	if line.GetMembership() != pb.Membership_MEMBERSHIP_MEMBER || line.GetNumber() <= from {
		return 0
	}
	return line.GetNumber() - from
}

func newer(line *pb.ConversationSummary, event *pb.InboxEvent) bool {
	if event.Epoch != line.GetEpoch() {
		return event.Epoch > line.GetEpoch()
	}
	return event.InboxSeq > line.GetInboxSeq()
}

// begin copies a line, because the fold never changes what it is given.
func begin(line *pb.ConversationSummary, conversation string) *pb.ConversationSummary {
	if line == nil {
		return &pb.ConversationSummary{Conversation: conversation}
	}
	return line.CloneVT()
}

// hear folds what the conversation said. An event that only members hear makes a member of somebody of whom nothing is
// known: after Redis was lost the inbox is folded from its retained part, which may begin after the person came.
func hear(line *pb.ConversationSummary, user string, event *pb.ConversationEvent) {
	line.Seq = max(line.Seq, event.GetSeq())
	line.Number = max(line.Number, event.GetNumber())
	line.TimeMs = max(line.TimeMs, event.GetTimeMs())
	switch word := event.GetWord().(type) {
	case *pb.ConversationEvent_ConversationCreated:
		created(line, user, word.ConversationCreated)
	case *pb.ConversationEvent_MemberJoined:
		joined(line, user, word.MemberJoined)
	case *pb.ConversationEvent_MemberInvited:
		if word.MemberInvited.GetUser() == user {
			line.Kind, line.Title = pb.Kind_KIND_GROUP, word.MemberInvited.GetTitle()
			line.Membership = pb.Membership_MEMBERSHIP_INVITED
		}
	case *pb.ConversationEvent_InvitationDeclined:
		gone(line, user, word.InvitationDeclined.GetUser())
	case *pb.ConversationEvent_MemberLeft:
		gone(line, user, word.MemberLeft.GetUser())
	case *pb.ConversationEvent_MemberRemoved:
		gone(line, user, word.MemberRemoved.GetUser())
	case *pb.ConversationEvent_ConversationRenamed:
		line.Title = word.ConversationRenamed.GetTitle()
	case *pb.ConversationEvent_MessageSent:
		sent(line, user, event, word.MessageSent)
	}
	if line.Membership == pb.Membership_MEMBERSHIP_UNSPECIFIED {
		line.Membership = pb.Membership_MEMBERSHIP_MEMBER
	}
}

func created(line *pb.ConversationSummary, user string, word *pb.ConversationCreated) {
	line.Kind, line.Title = word.GetKind(), word.GetTitle()
	for _, member := range word.GetMembers() {
		if member.GetUser() == user {
			line.Membership, line.SinceNumber = pb.Membership_MEMBERSHIP_MEMBER, member.GetSinceNumber()
		}
	}
}

func joined(line *pb.ConversationSummary, user string, word *pb.MemberJoined) {
	if word.GetMember().GetUser() != user {
		return
	}
	line.Kind, line.Membership = pb.Kind_KIND_GROUP, pb.Membership_MEMBERSHIP_MEMBER
	line.SinceNumber = word.GetMember().GetSinceNumber()
	if word.GetTitle() != nil {
		line.Title = word.GetTitle()
	}
	if line.Last.GetNumber() <= line.SinceNumber {
		line.Last = nil // said before the person came (again): history does not show it either
	}
}

func gone(line *pb.ConversationSummary, user, who string) {
	if who == user {
		line.Membership = pb.Membership_MEMBERSHIP_GONE
	}
}

// sent keeps the message as the latest. Who writes has read what stands above: one's own send raises one's own marks.
func sent(line *pb.ConversationSummary, user string, event *pb.ConversationEvent, word *pb.MessageSent) {
	line.Last = &pb.HistoryMessage{
		Number: event.GetNumber(), Seq: event.GetSeq(), Sender: event.GetOrigin().GetUser(),
		TimeMs: event.GetTimeMs(), Body: word.GetBody(), ReplyTo: word.GetReplyTo(),
	}
	if event.GetOrigin().GetUser() == user {
		raise(line, &pb.Marks{Delivered: event.GetNumber(), Read: event.GetNumber()})
	}
}

// raise lets marks rise and never fall.
func raise(line *pb.ConversationSummary, marks *pb.Marks) {
	line.Marks = &pb.Marks{
		Delivered: max(line.GetMarks().GetDelivered(), marks.GetDelivered()),
		Read:      max(line.GetMarks().GetRead(), marks.GetRead()),
	}
}

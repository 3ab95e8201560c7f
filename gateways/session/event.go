// Events as the client sees them: opened, with the one who caused them, and nothing that belongs to other people.

package session

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Collector is an opener that opens nothing and remembers which keys would be needed. Running a conversion with it first
// tells the hall what to fetch, without a second description of where sealed text stands.
type Collector struct{ Keys map[string]struct{} }

// Open remembers the key.
func (c *Collector) Open(sealed *pb.Sealed) (string, bool) {
	if c.Keys == nil {
		c.Keys = make(map[string]struct{})
	}
	c.Keys[sealed.GetKeyId()] = struct{}{}
	return "", false
}

// reveal opens a title or a name; what is gone is empty.
func reveal(open Opener, sealed *pb.Sealed) string {
	if sealed == nil || open == nil {
		return ""
	}
	text, _ := open.Open(sealed)
	return text
}

// openMessage opens a message.
func openMessage(open Opener, m *pb.HistoryMessage) *pb.Message {
	if m == nil {
		return nil
	}
	out := new(pb.Message)
	openInto(out, open, m)
	return out
}

func openInto(out *pb.Message, open Opener, m *pb.HistoryMessage) {
	out.Number, out.Seq, out.Sender, out.TimeMs, out.ReplyTo = m.GetNumber(), m.GetSeq(), m.GetSender(), m.GetTimeMs(), m.GetReplyTo()
	if m.GetBody() != nil && open != nil {
		text, ok := open.Open(m.GetBody())
		out.Text, out.Erased = text, !ok
	}
}

// messageEvent is a message as the word of an event, in one piece of memory.
type messageEvent struct {
	word    pb.Event_Message
	message pb.Message
}

// OpenEvent turns what the inbox said into what the client sees. Devices and numbers of other people stay with them.
func OpenEvent(in *pb.InboxEvent, user, device string, open Opener) *pb.Event {
	out := &pb.Event{InboxSeq: in.GetInboxSeq(), Epoch: in.GetEpoch(), TimeMs: in.GetTimeMs()}
	switch word := in.GetWord().(type) {
	case *pb.InboxEvent_Conversation:
		said := word.Conversation
		out.Conversation, out.Seq, out.Number = said.GetConversation(), said.GetEvent().GetSeq(), said.GetEvent().GetNumber()
		out.TimeMs = said.GetEvent().GetTimeMs()
		caused(out, said.GetEvent().GetOrigin(), user)
		openConversation(out, said.GetEvent(), open)
	case *pb.InboxEvent_Account:
		caused(out, word.Account.GetEvent().GetOrigin(), user)
		openAccount(out, word.Account.GetEvent(), open)
	case *pb.InboxEvent_Receipt:
		out.Conversation, out.User = word.Receipt.GetConversation(), word.Receipt.GetUser()
		out.Word = &pb.Event_Receipt{Receipt: &pb.Receipt{Conversation: word.Receipt.GetConversation(),
			User: word.Receipt.GetUser(), Marks: word.Receipt.GetMarks()}}
	case *pb.InboxEvent_Refused:
		out.Conversation = word.Refused.GetConversation()
		caused(out, word.Refused.GetOrigin(), user)
		out.Word = &pb.Event_Refused{Refused: &pb.EventRefused{Reason: word.Refused.GetReason(), ExpectedClientSeq: word.Refused.GetExpectedClientSeq()}}
	}
	return out
}

// caused says who caused an event; the device and its number only to the same person.
func caused(out *pb.Event, origin *pb.Origin, user string) {
	out.User = origin.GetUser()
	if out.User == user {
		out.DeviceId, out.ClientSeq = origin.GetDeviceId(), origin.GetClientSeq()
	}
}

func openConversation(out *pb.Event, event *pb.ConversationEvent, open Opener) {
	switch word := event.GetWord().(type) {
	case *pb.ConversationEvent_ConversationCreated:
		out.Word = &pb.Event_Created{Created: &pb.EventCreated{Kind: word.ConversationCreated.GetKind(),
			Title: reveal(open, word.ConversationCreated.GetTitle()), Members: word.ConversationCreated.GetMembers()}}
	case *pb.ConversationEvent_MemberInvited:
		out.Word = &pb.Event_Invited{Invited: &pb.EventMember{User: word.MemberInvited.GetUser(), Title: reveal(open, word.MemberInvited.GetTitle())}}
	case *pb.ConversationEvent_InvitationDeclined:
		out.Word = &pb.Event_Declined{Declined: &pb.EventMember{User: word.InvitationDeclined.GetUser()}}
	case *pb.ConversationEvent_MemberJoined:
		out.Word = &pb.Event_Joined{Joined: &pb.EventMember{User: word.MemberJoined.GetMember().GetUser(),
			Role: word.MemberJoined.GetMember().GetRole(), Title: reveal(open, word.MemberJoined.GetTitle())}}
	case *pb.ConversationEvent_MemberLeft:
		out.Word = &pb.Event_Left{Left: &pb.EventMember{User: word.MemberLeft.GetUser(), Other: word.MemberLeft.GetNewOwner()}}
	case *pb.ConversationEvent_MemberRemoved:
		out.Word = &pb.Event_Removed{Removed: &pb.EventMember{User: word.MemberRemoved.GetUser()}}
	case *pb.ConversationEvent_ConversationRenamed:
		out.Word = &pb.Event_Renamed{Renamed: &pb.EventTitle{Title: reveal(open, word.ConversationRenamed.GetTitle())}}
	case *pb.ConversationEvent_RoleChanged:
		out.Word = &pb.Event_RoleChanged{RoleChanged: &pb.EventMember{User: word.RoleChanged.GetUser(), Role: word.RoleChanged.GetRole(), Other: word.RoleChanged.GetFormerOwner()}}
	case *pb.ConversationEvent_MessageSent:
		m := new(messageEvent)
		openInto(&m.message, open, &pb.HistoryMessage{Number: event.GetNumber(), Seq: event.GetSeq(),
			Sender: event.GetOrigin().GetUser(), TimeMs: event.GetTimeMs(), Body: word.MessageSent.GetBody(), ReplyTo: word.MessageSent.GetReplyTo()})
		out.Word, m.word.Message = &m.word, &m.message
	case *pb.ConversationEvent_BlockChanged: // no rules say it: see the proto
	}
}

func openAccount(out *pb.Event, event *pb.AccountEvent, open Opener) {
	account := new(pb.EventAccount)
	switch word := event.GetWord().(type) {
	case *pb.AccountEvent_AccountCreated:
		account.Created, account.DisplayName = true, reveal(open, word.AccountCreated.GetDisplayName())
	case *pb.AccountEvent_ProfileChanged:
		account.DisplayName = reveal(open, word.ProfileChanged.GetDisplayName())
	case *pb.AccountEvent_PersonBlocked:
		account.Blocked = word.PersonBlocked.GetUser()
	case *pb.AccountEvent_PersonUnblocked:
		account.Unblocked = word.PersonUnblocked.GetUser()
	case *pb.AccountEvent_StandingChanged:
		account.Suspended = word.StandingChanged.GetStanding() == pb.Standing_STANDING_SUSPENDED
	}
	out.Word = &pb.Event_Account{Account: account}
}

// Events as the client sees them: opened, with the user who caused them, and nothing that belongs to other users.

package translate

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// message opens a message of a history or a list.
func message(open Opener, m *pb.HistoryMessage) *pb.Message {
	if m == nil {
		return nil
	}
	out := new(pb.Message)
	fillMessage(out, open, m)
	return out
}

// fillMessage fills a message for the client.
func fillMessage(out *pb.Message, open Opener, m *pb.HistoryMessage) {
	out.Number, out.Seq, out.Sender, out.TimeMs, out.ReplyTo = m.GetNumber(), m.GetSeq(), m.GetSender(), m.GetTimeMs(), m.GetReplyTo()
	if m.GetBody() != nil && open != nil {
		text, ok := open.Open(m.GetBody())
		out.Text, out.Erased = text, !ok
	}
}

// messageEvent is a message as the payload of an event, in one allocation.
type messageEvent struct {
	payload pb.Event_Message
	message pb.Message
}

// Event turns an event of an inbox into what its user's client sees. Devices and numbers of other users are left out.
func Event(in *pb.InboxEvent, user, device string, open Opener) *pb.Event {
	out := &pb.Event{InboxSeq: in.GetInboxSeq(), Epoch: in.GetEpoch(), TimeMs: in.GetTimeMs()}
	switch payload := in.GetWord().(type) {
	case *pb.InboxEvent_Conversation:
		emitted := payload.Conversation
		out.Conversation, out.Seq, out.Number = emitted.GetConversation(), emitted.GetEvent().GetSeq(), emitted.GetEvent().GetNumber()
		out.TimeMs = emitted.GetEvent().GetTimeMs()
		caused(out, emitted.GetEvent().GetOrigin(), user)
		conversationEvent(out, emitted.GetEvent(), open)
	case *pb.InboxEvent_Account:
		caused(out, payload.Account.GetEvent().GetOrigin(), user)
		accountEvent(out, payload.Account.GetEvent(), open)
	case *pb.InboxEvent_Receipt:
		out.Conversation, out.User = payload.Receipt.GetConversation(), payload.Receipt.GetUser()
		out.Word = &pb.Event_Receipt{Receipt: &pb.Receipt{Conversation: payload.Receipt.GetConversation(),
			User: payload.Receipt.GetUser(), Marks: payload.Receipt.GetMarks()}}
	case *pb.InboxEvent_Refused:
		out.Conversation = payload.Refused.GetConversation()
		caused(out, payload.Refused.GetOrigin(), user)
		out.Word = &pb.Event_Refused{Refused: &pb.EventRefused{Reason: payload.Refused.GetReason(), ExpectedClientSeq: payload.Refused.GetExpectedClientSeq()}}
	}
	return out
}

// caused adds who caused an event; the device and its number only for the same user.
func caused(out *pb.Event, origin *pb.Origin, user string) {
	out.User = origin.GetUser()
	if out.User == user {
		out.DeviceId, out.ClientSeq = origin.GetDeviceId(), origin.GetClientSeq()
	}
}

// conversationEvent adds the payload of an event of a conversation.
func conversationEvent(out *pb.Event, event *pb.ConversationEvent, open Opener) {
	switch payload := event.GetWord().(type) {
	case *pb.ConversationEvent_ConversationCreated:
		out.Word = &pb.Event_Created{Created: &pb.EventCreated{Kind: payload.ConversationCreated.GetKind(),
			Title: reveal(open, payload.ConversationCreated.GetTitle()), Members: payload.ConversationCreated.GetMembers()}}
	case *pb.ConversationEvent_MemberInvited:
		out.Word = &pb.Event_Invited{Invited: &pb.EventMember{User: payload.MemberInvited.GetUser(), Title: reveal(open, payload.MemberInvited.GetTitle())}}
	case *pb.ConversationEvent_InvitationDeclined:
		out.Word = &pb.Event_Declined{Declined: &pb.EventMember{User: payload.InvitationDeclined.GetUser()}}
	case *pb.ConversationEvent_MemberJoined:
		out.Word = &pb.Event_Joined{Joined: &pb.EventMember{User: payload.MemberJoined.GetMember().GetUser(),
			Role: payload.MemberJoined.GetMember().GetRole(), Title: reveal(open, payload.MemberJoined.GetTitle())}}
	case *pb.ConversationEvent_MemberLeft:
		out.Word = &pb.Event_Left{Left: &pb.EventMember{User: payload.MemberLeft.GetUser(), Other: payload.MemberLeft.GetNewOwner()}}
	case *pb.ConversationEvent_MemberRemoved:
		out.Word = &pb.Event_Removed{Removed: &pb.EventMember{User: payload.MemberRemoved.GetUser()}}
	case *pb.ConversationEvent_ConversationRenamed:
		out.Word = &pb.Event_Renamed{Renamed: &pb.EventTitle{Title: reveal(open, payload.ConversationRenamed.GetTitle())}}
	case *pb.ConversationEvent_RoleChanged:
		out.Word = &pb.Event_RoleChanged{RoleChanged: &pb.EventMember{User: payload.RoleChanged.GetUser(), Role: payload.RoleChanged.GetRole(), Other: payload.RoleChanged.GetFormerOwner()}}
	case *pb.ConversationEvent_MessageSent:
		m := new(messageEvent)
		fillMessage(&m.message, open, &pb.HistoryMessage{Number: event.GetNumber(), Seq: event.GetSeq(),
			Sender: event.GetOrigin().GetUser(), TimeMs: event.GetTimeMs(), Body: payload.MessageSent.GetBody(), ReplyTo: payload.MessageSent.GetReplyTo()})
		out.Word, m.payload.Message = &m.payload, &m.message
	case *pb.ConversationEvent_BlockChanged: // no rules emit it: see the proto
	}
}

// accountEvent adds the payload of an event of the user's account.
func accountEvent(out *pb.Event, event *pb.AccountEvent, open Opener) {
	account := new(pb.EventAccount)
	switch payload := event.GetWord().(type) {
	case *pb.AccountEvent_AccountCreated:
		account.Created, account.DisplayName = true, reveal(open, payload.AccountCreated.GetDisplayName())
	case *pb.AccountEvent_ProfileChanged:
		account.DisplayName = reveal(open, payload.ProfileChanged.GetDisplayName())
	case *pb.AccountEvent_PersonBlocked:
		account.Blocked = payload.PersonBlocked.GetUser()
	case *pb.AccountEvent_PersonUnblocked:
		account.Unblocked = payload.PersonUnblocked.GetUser()
	case *pb.AccountEvent_StandingChanged:
		account.Suspended = payload.StandingChanged.GetStanding() == pb.Standing_STANDING_SUSPENDED
	}
	out.Word = &pb.Event_Account{Account: account}
}

// Commands: one frame of a client becomes one command of its outbox, with its text sealed.

package translate

import (
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Wrong is why a frame makes no command. Its zero value means that nothing is wrong.
type Wrong struct {
	Field, Detail string // what breaks a rule; empty = nothing does
	Unsealed      bool   // the keys that seal its text cannot be had now
}

// Command turns a frame of a user's device into a command for the outbox.
func Command(user, device string, send *pb.Send, seal Sealer) (*pb.OutboxCommand, Wrong) {
	d := draft{user: user, device: device, send: send, seal: seal}
	out := d.outbox()
	if d.why != (Wrong{}) {
		return nil, d.why
	}
	out.DeviceId, out.ClientSeq = device, send.GetClientSeq()
	return out, Wrong{}
}

// draft is a command in the making.
type draft struct {
	user, device string
	send         *pb.Send
	seal         Sealer
	why          Wrong
}

func (d *draft) wrong(field, detail string) { d.why.Field, d.why.Detail = field, detail }

// outbox makes the command.
func (d *draft) outbox() *pb.OutboxCommand {
	if account := d.account(); account != nil {
		d.nameless()
		return &pb.OutboxCommand{Word: &pb.OutboxCommand_Account{Account: account}}
	}
	f := new(conversationCommand)
	request := &f.request
	request.Conversation = d.send.GetConversation()
	switch payload := d.send.GetWord().(type) {
	case *pb.Send_OpenDirect:
		d.nameless()
		d.other("send.open_direct.peer", payload.OpenDirect.GetPeer())
		request.Conversation = name.Direct(d.user, payload.OpenDirect.GetPeer())
		request.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: payload.OpenDirect.GetPeer()}}
	case *pb.Send_CreateGroup:
		d.nameless()
		for _, member := range payload.CreateGroup.GetMembers() {
			d.other("send.create_group.members", member)
		}
		request.Conversation = name.GroupMadeBy(d.user, d.device, d.send.GetClientSeq())
		request.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{
			Title: d.text(payload.CreateGroup.GetTitle()), Members: payload.CreateGroup.GetMembers()}}
	default:
		if !name.ValidConversation(request.Conversation) {
			d.wrong("send.conversation", "name the conversation as home/conversation, as it came in an event")
			return nil
		}
		d.inConversation(request)
	}
	f.command.Word, f.payload.Conversation = &f.payload, request
	return &f.command
}

// conversationCommand is a command and its parts in one allocation.
type conversationCommand struct {
	command pb.OutboxCommand
	payload pb.OutboxCommand_Conversation
	request pb.ConversationRequest
}

// messageRequest is the same for a text.
type messageRequest struct {
	payload pb.ConversationRequest_SendMessage
	message pb.SendMessage
}

// inConversation makes the commands for a conversation that exists.
func (d *draft) inConversation(request *pb.ConversationRequest) {
	switch payload := d.send.GetWord().(type) {
	case *pb.Send_Text:
		m := new(messageRequest)
		m.message.Body, m.message.ReplyTo = d.text(payload.Text.GetText()), payload.Text.GetReplyTo()
		request.Word, m.payload.SendMessage = &m.payload, &m.message
	case *pb.Send_AddMember:
		request.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: d.other("send.add_member.user", payload.AddMember.GetUser())}}
	case *pb.Send_InviteMember:
		request.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: d.other("send.invite_member.user", payload.InviteMember.GetUser())}}
	case *pb.Send_AcceptInvitation:
		request.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case *pb.Send_DeclineInvitation:
		request.Word = &pb.ConversationRequest_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}
	case *pb.Send_RemoveMember:
		request.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: d.other("send.remove_member.user", payload.RemoveMember.GetUser())}}
	case *pb.Send_Leave:
		request.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case *pb.Send_Rename:
		request.Word = &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: d.text(payload.Rename.GetTitle())}}
	case *pb.Send_ChangeRole:
		request.Word = &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{
			User: d.person("send.change_role.user", payload.ChangeRole.GetUser()), Role: payload.ChangeRole.GetRole()}}
	default:
		d.wrong("send", "this word is not known here")
	}
}

// account makes the commands for the user's own account; nil = it is not one of them.
func (d *draft) account() *pb.AccountRequest {
	switch payload := d.send.GetWord().(type) {
	case *pb.Send_CreateAccount:
		return &pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: d.text(payload.CreateAccount.GetDisplayName())}}}
	case *pb.Send_ChangeProfile:
		return &pb.AccountRequest{Word: &pb.AccountRequest_ChangeProfile{ChangeProfile: &pb.ChangeProfile{DisplayName: d.text(payload.ChangeProfile.GetDisplayName())}}}
	case *pb.Send_Block:
		return &pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: d.other("send.block.user", payload.Block.GetUser())}}}
	case *pb.Send_Unblock:
		return &pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: d.other("send.unblock.user", payload.Unblock.GetUser())}}}
	}
	return nil
}

// nameless: the command makes the name of its conversation, or needs none.
func (d *draft) nameless() {
	if d.send.GetConversation() != "" {
		d.wrong("send.conversation", "leave the conversation empty for this word")
	}
}

// person checks that a user is a person, not a group.
func (d *draft) person(field, user string) string {
	if !name.ValidPerson(user) {
		d.wrong(field, "name a person by the user id")
	}
	return user
}

// other checks that a user is a person, and another one.
func (d *draft) other(field, user string) string {
	if user == d.user {
		d.wrong(field, "name somebody else than yourself")
	}
	return d.person(field, user)
}

// text seals text; no command carries it open.
func (d *draft) text(text string) *pb.Sealed {
	if d.seal == nil {
		d.why.Unsealed = true
		return nil
	}
	sealed, err := d.seal.Seal(text)
	if err != nil {
		d.why.Unsealed = true
	}
	return sealed
}

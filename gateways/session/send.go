// Send: one frame, one command in the outbox of the person, in the device's own order.

package session

import (
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// command is a command that is on its way to the log.
type command struct {
	re, clientSeq uint64
	conversation  string
}

// send turns a frame into a command, or refuses it; a refusal here uses up no client_seq.
func (s *Session) send(_ int64, id uint64, send *pb.Send, in Said) {
	refuse := func(code pb.Code, detail, field string, retryMS uint32) {
		s.refuse(id, refusalFor(in.Frame, code, detail, field, retryMS))
	}
	if len(s.sent) >= MaxSending {
		refuse(pb.Code_CODE_OVERLOADED, "too many commands of this connection are on their way: wait for accepted", "", RepairMS)
		return
	}
	d := draft{user: s.user, device: s.device, send: send, seal: in.Seal}
	out := d.outbox()
	if d.field != "" {
		refuse(pb.Code_CODE_INVALID, d.detail, d.field, 0)
		return
	}
	if d.unsealed {
		refuse(pb.Code_CODE_UNAVAILABLE, "the keys that seal your words cannot be had now: send it again", "", RepairMS*5)
		return
	}
	out.DeviceId, out.ClientSeq = s.device, send.GetClientSeq()
	s.nextID++
	if s.sent == nil {
		s.sent = make(map[uint64]command)
	}
	s.sent[s.nextID] = command{re: id, clientSeq: send.GetClientSeq(), conversation: out.GetConversation().GetConversation()}
	s.produce(s.nextID, OutboxCommands, s.user, out)
}

// acked: the log has it; one tick.
func (s *Session) acked(now int64, in Acked) {
	c, ok := s.sent[in.ID]
	if !ok {
		return
	}
	delete(s.sent, in.ID)
	f := new(acceptedFrame)
	f.frame.Re, f.frame.Word, f.word.Accepted = c.re, &f.word, &f.accepted
	f.accepted.ClientSeq, f.accepted.Conversation = c.clientSeq, c.conversation
	s.say(&f.frame)
	s.drained(now)
}

// acceptedFrame is a frame and its parts in one piece of memory.
type acceptedFrame struct {
	frame    pb.ServerFrame
	word     pb.ServerFrame_Accepted
	accepted pb.Accepted
}

// failed: it never left, or nobody knows. The client sends the same number again; the outbox takes it once.
func (s *Session) failed(now int64, in Failed) {
	c, ok := s.sent[in.ID]
	if !ok {
		return
	}
	delete(s.sent, in.ID)
	refused := &pb.Refused{Code: pb.Code_CODE_UNAVAILABLE, ClientSeq: c.clientSeq, RetryAfterMs: max(in.RetryAfterMS, 1),
		Detail: "the log did not answer: send the same client_seq again, it is taken once"}
	if in.Overloaded {
		refused.Code, refused.Detail = pb.Code_CODE_OVERLOADED, "too much is on its way to the log: send the same client_seq again later"
	}
	s.refuse(c.re, refused)
	s.drained(now)
}

func (s *Session) drained(now int64) {
	if s.phase == draining && len(s.sent) == 0 {
		s.goodbye(now, Restarting, "this gateway is going away", true, s.drainAfterMS)
	}
}

// draft is a command being written from a frame. field and detail say what is wrong with the frame.
type draft struct {
	user, device  string
	send          *pb.Send
	seal          Sealer
	field, detail string
	unsealed      bool
}

func (d *draft) wrong(field, detail string) { d.field, d.detail = field, detail }

// outbox writes the command.
func (d *draft) outbox() *pb.OutboxCommand {
	if account := d.account(); account != nil {
		d.nameless()
		return &pb.OutboxCommand{Word: &pb.OutboxCommand_Account{Account: account}}
	}
	f := new(conversationCommand)
	request := &f.request
	request.Conversation = d.send.GetConversation()
	switch word := d.send.GetWord().(type) {
	case *pb.Send_OpenDirect:
		d.nameless()
		d.other("send.open_direct.peer", word.OpenDirect.GetPeer())
		request.Conversation = name.Direct(d.user, word.OpenDirect.GetPeer())
		request.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: word.OpenDirect.GetPeer()}}
	case *pb.Send_CreateGroup:
		d.nameless()
		for _, member := range word.CreateGroup.GetMembers() {
			d.other("send.create_group.members", member)
		}
		request.Conversation = name.GroupMadeBy(d.user, d.device, d.send.GetClientSeq())
		request.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{
			Title: d.text(word.CreateGroup.GetTitle()), Members: word.CreateGroup.GetMembers()}}
	default:
		if !name.ValidConversation(request.Conversation) {
			d.wrong("send.conversation", "name the conversation as home/conversation, as it came in an event")
			return nil
		}
		d.inConversation(request)
	}
	f.command.Word, f.word.Conversation = &f.word, request
	return &f.command
}

// conversationCommand is a command and its parts in one piece of memory.
type conversationCommand struct {
	command pb.OutboxCommand
	word    pb.OutboxCommand_Conversation
	request pb.ConversationRequest
}

// messageRequest is the same for a text.
type messageRequest struct {
	word    pb.ConversationRequest_SendMessage
	message pb.SendMessage
}

// inConversation writes the words that are for a conversation which is there.
func (d *draft) inConversation(request *pb.ConversationRequest) {
	switch word := d.send.GetWord().(type) {
	case *pb.Send_Text:
		m := new(messageRequest)
		m.message.Body, m.message.ReplyTo = d.text(word.Text.GetText()), word.Text.GetReplyTo()
		request.Word, m.word.SendMessage = &m.word, &m.message
	case *pb.Send_AddMember:
		request.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: d.other("send.add_member.user", word.AddMember.GetUser())}}
	case *pb.Send_InviteMember:
		request.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: d.other("send.invite_member.user", word.InviteMember.GetUser())}}
	case *pb.Send_AcceptInvitation:
		request.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case *pb.Send_DeclineInvitation:
		request.Word = &pb.ConversationRequest_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}
	case *pb.Send_RemoveMember:
		request.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: d.other("send.remove_member.user", word.RemoveMember.GetUser())}}
	case *pb.Send_Leave:
		request.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case *pb.Send_Rename:
		request.Word = &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: d.text(word.Rename.GetTitle())}}
	case *pb.Send_ChangeRole:
		request.Word = &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{
			User: d.person("send.change_role.user", word.ChangeRole.GetUser()), Role: word.ChangeRole.GetRole()}}
	default:
		d.wrong("send", "this word is not known here")
	}
}

// account writes the words that are for the person's own account; nil = it is not one of them.
func (d *draft) account() *pb.AccountRequest {
	switch word := d.send.GetWord().(type) {
	case *pb.Send_CreateAccount:
		return &pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: d.text(word.CreateAccount.GetDisplayName())}}}
	case *pb.Send_ChangeProfile:
		return &pb.AccountRequest{Word: &pb.AccountRequest_ChangeProfile{ChangeProfile: &pb.ChangeProfile{DisplayName: d.text(word.ChangeProfile.GetDisplayName())}}}
	case *pb.Send_Block:
		return &pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: d.other("send.block.user", word.Block.GetUser())}}}
	case *pb.Send_Unblock:
		return &pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: d.other("send.unblock.user", word.Unblock.GetUser())}}}
	}
	return nil
}

// nameless: the word makes its own name, or needs none.
func (d *draft) nameless() {
	if d.send.GetConversation() != "" {
		d.wrong("send.conversation", "leave the conversation empty for this word")
	}
}

// person must be a person, not a group.
func (d *draft) person(field, user string) string {
	if !name.ValidPerson(user) {
		d.wrong(field, "name a person by the user id")
	}
	return user
}

// other must be a person and somebody else.
func (d *draft) other(field, user string) string {
	if user == d.user {
		d.wrong(field, "name somebody else than yourself")
	}
	return d.person(field, user)
}

// text is sealed here; it is in no command otherwise.
func (d *draft) text(text string) *pb.Sealed {
	if d.seal == nil {
		d.unsealed = true
		return nil
	}
	sealed, err := d.seal.Seal(text)
	if err != nil {
		d.unsealed = true
	}
	return sealed
}

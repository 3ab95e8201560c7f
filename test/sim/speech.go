// What devices ask, and what they do with what is delivered.

package sim

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/check"
)

// ask asks something: mostly to say something. The first word of a person's phone makes the account.
func (d *device) ask() {
	c := &pb.OutboxCommand{DeviceId: d.id}
	other := persons[d.w.random.IntN(len(persons))]
	where := d.anyTalk()
	for range talkTries {
		if d.talks[where] != nil && d.talks[where].member {
			break
		}
		where = d.anyTalk()
	}
	n := d.w.random.IntN(100)
	if d.w.swarm.strife && d.w.random.IntN(2) == 0 {
		n = strife[d.w.random.IntN(len(strife))]
	}
	switch {
	case d.asked == 0 && d.id == d.user+"-phone" && d.user != "zoe":
		where = ""
		c.Word = account(&pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: seal(d.user)}}})
	case n < 3:
		where = ""
		c.Word = account(&pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: other}}})
	case n < 7:
		where = ""
		c.Word = account(&pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: other}}})
	default:
		if d.talks[where] == nil && n < 80 { // of a conversation that one is not in, mostly to open it
			n = 8
			if name.IsGroup(where) {
				n = 18
			}
		}
		c.Word = &pb.OutboxCommand_Conversation{Conversation: d.request(n, where, other)}
	}
	d.asked++
	c.ClientSeq = d.asked
	d.w.issued++
	e := check.Event{Kind: check.Invoke, User: d.user, Device: d.id, Op: d.op(d.asked), Conversation: where}
	if where != "" && d.talks[where] != nil {
		e.Seen = d.talks[where].seq
	}
	d.w.add(e)
	d.waiting = append(d.waiting, command{d.asked, where, marshal(c)})
	d.send("outbox.commands", d.user, d.waiting[len(d.waiting)-1].value)
}

// strife is what people ask who race against each other: to block and unblock, to add, invite, accept, remove and leave, and
// to take a role away, while the others speak.
var strife = [...]int{1, 1, 4, 21, 21, 22, 27, 30, 32, 33, 33, 35, 39}

func account(r *pb.AccountRequest) *pb.OutboxCommand_Account {
	return &pb.OutboxCommand_Account{Account: r}
}

// request is what is asked of a conversation.
func (d *device) request(n int, where, other string) *pb.ConversationRequest {
	r := &pb.ConversationRequest{Conversation: where}
	switch {
	case n < 18 && !name.IsGroup(where):
		r.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: name.Peer(where, d.user)}}
	case n < 20:
		r.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{Title: seal(where), Members: []string{other}}}
	case n < 26:
		r.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: other}}
	case n < 29:
		r.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: other}}
	case n < 32:
		r.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case n < 34:
		r.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: other}}
	case n < 36:
		r.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case n < 38:
		r.Word = &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: seal(where)}}
	case n < 40:
		role := pb.Role(1 + d.w.random.IntN(3))
		r.Word = &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{User: other, Role: role}}
	default:
		said := &pb.SendMessage{Body: seal(where)}
		if t := d.talks[where]; t != nil && t.number > 0 && n < 55 {
			said.ReplyTo = 1 + uint64(d.w.random.Int64N(int64(t.number)))
		}
		r.Word = &pb.ConversationRequest_SendMessage{SendMessage: said}
	}
	return r
}

const tagBytes = 16

// seal is a body whose text is the conversation that it is for, so that it is known wherever it turns up.
func seal(where string) *pb.Sealed {
	return &pb.Sealed{KeyId: "k", Nonce: make([]byte, 12), Ciphertext: append([]byte(where), make([]byte, tagBytes)...)}
}

func canary(s *pb.Sealed) string {
	return string(s.GetCiphertext()[:max(len(s.GetCiphertext())-tagBytes, 0)])
}

// show tells the checker what the device shows, and what it learns of its own commands.
func (d *device) show(in *pb.InboxEvent) {
	e := check.Event{Kind: check.Show, User: d.user, Device: d.id, Session: d.session(), InboxSeq: in.InboxSeq}
	var origin *pb.Origin
	outcome := check.OK
	switch word := in.Word.(type) {
	case *pb.InboxEvent_Conversation:
		said := word.Conversation.Event
		origin = said.GetOrigin()
		e.Conversation, e.Seq = word.Conversation.Conversation, said.GetSeq()
		if origin.GetClientSeq() > 0 {
			e.Op = opOf(origin)
		}
		t := d.talk(e.Conversation)
		t.seq = max(t.seq, e.Seq)
		t.comesOrGoes(d.user, said)
		if m := said.GetMessageSent(); m != nil {
			e.Number, e.ReplyTo, e.Canary = said.Number, m.ReplyTo, canary(m.Body)
			t.number = max(t.number, said.Number)
		}
	case *pb.InboxEvent_Account:
		origin = word.Account.Event.GetOrigin()
	case *pb.InboxEvent_Refused:
		origin, outcome = word.Refused.Origin, check.Fail
		if word.Refused.Reason == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
			d.resend(origin, word.Refused.ExpectedClientSeq)
			origin = nil
		}
	case *pb.InboxEvent_Receipt:
		if r := word.Receipt; r.User == d.user {
			d.w.add(check.Event{Kind: check.MarkShow, User: d.user, Session: d.session(), Conversation: r.Conversation, Number: r.Marks.GetRead()})
		}
	}
	d.w.add(e)
	d.items = append(d.items, int32(len(d.w.shown)))
	d.w.shown = append(d.w.shown, e)
	if origin.GetUser() == d.user && origin.GetDeviceId() == d.id && origin.GetClientSeq() > 0 {
		d.answered(origin, outcome, &e)
	}
}

// comesOrGoes notes whether the person is a member.
func (t *talk) comesOrGoes(user string, said *pb.ConversationEvent) {
	switch word := said.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		for _, m := range word.ConversationCreated.Members {
			t.member = t.member || m.User == user
		}
	case *pb.ConversationEvent_MemberJoined:
		t.member = t.member || word.MemberJoined.Member.User == user
	case *pb.ConversationEvent_MemberLeft:
		t.member = t.member && word.MemberLeft.User != user
	case *pb.ConversationEvent_MemberRemoved:
		t.member = t.member && word.MemberRemoved.User != user
	}
}

// answered ends a command.
func (d *device) answered(origin *pb.Origin, outcome check.Outcome, e *check.Event) {
	r := check.Event{Kind: check.Return, User: d.user, Device: d.id, Op: opOf(origin), Outcome: outcome}
	i := slices.IndexFunc(d.waiting, func(c command) bool { return c.number == origin.ClientSeq })
	switch {
	case e.Conversation != "":
		r.Conversation, r.Seq, r.Number = e.Conversation, e.Seq, e.Number
	case i >= 0:
		r.Conversation = d.waiting[i].conversation
	default: // answered before, and shown again after a resync
		return
	}
	d.w.add(r)
	if i >= 0 {
		d.waiting = slices.Delete(d.waiting, i, i+1)
	}
}

// resend sends everything again that has no outcome: the outbox expects another number. Once for each number and
// connection, or every refusal of what was sent too early would send it all again.
func (d *device) resend(origin *pb.Origin, expected uint64) {
	if origin.GetDeviceId() != d.id || d.line == nil || d.line.expected == expected {
		return
	}
	d.line.expected = expected
	for _, c := range d.waiting {
		d.send("outbox.commands", d.user, c.value)
	}
}

func opOf(o *pb.Origin) string { return (&device{user: o.User, id: o.DeviceId}).op(o.ClientSeq) }

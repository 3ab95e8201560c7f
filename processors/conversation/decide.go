// Deciding: which word it is, who asks, and whether the asker may know that the conversation exists.

package conversation

import (
	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// judge is one decision in the making.
type judge struct {
	row    *parleyv1.ConversationRow
	stamp  Stamp
	origin *parleyv1.Origin // whose command this is the outcome of
	made   Decision
}

// Decide judges one command.
func Decide(row *parleyv1.ConversationRow, in *parleyv1.ConversationCommand, stamp Stamp) Decision {
	if !name.ValidConversation(stamp.Key) {
		return Decision{Malformed: "the key is not home/conversation"}
	}
	j := &judge{row: row, stamp: stamp}
	switch word := in.Word.(type) {
	case *parleyv1.ConversationCommand_Request:
		from := in.Origin
		if !name.ValidPerson(from.GetUser()) || !name.ValidID(from.DeviceId) || from.ClientSeq == 0 {
			return Decision{Malformed: "the request comes from nobody who could be told its outcome"}
		}
		j.origin = from
		j.request(word.Request)
	case *parleyv1.ConversationCommand_AnswerJoin:
		j.answer(word.AnswerJoin)
	case *parleyv1.ConversationCommand_SetBlock:
		j.setBlock(word.SetBlock)
	default:
		j.made.Malformed = "the word is not for a conversation"
	}
	return j.made
}

// request judges what a person asks. Four words may come from somebody who is not a member.
func (j *judge) request(r *parleyv1.ConversationRequest) {
	switch word := r.Word.(type) {
	case *parleyv1.ConversationRequest_CreateGroup:
		j.createGroup(word.CreateGroup)
	case *parleyv1.ConversationRequest_OpenDirect:
		j.openDirect(word.OpenDirect.Peer)
	case *parleyv1.ConversationRequest_AcceptInvitation:
		j.acceptInvitation()
	case *parleyv1.ConversationRequest_DeclineInvitation:
		j.declineInvitation()
	default:
		if me := j.member(j.origin.User); me != nil {
			j.memberRequest(me, r)
		} else {
			j.refuse(parleyv1.Reason_REASON_NOT_A_MEMBER)
		}
	}
}

// memberRequest judges what a member asks.
func (j *judge) memberRequest(me *parleyv1.Member, r *parleyv1.ConversationRequest) {
	if word := r.GetSendMessage(); word != nil {
		j.sendMessage(word)
		return
	}
	if j.row.Kind != parleyv1.Kind_KIND_GROUP { // the two of a direct conversation are its two for ever
		j.refuse(parleyv1.Reason_REASON_INVALID)
		return
	}
	switch word := r.Word.(type) {
	case *parleyv1.ConversationRequest_AddMember:
		j.addMember(me, word.AddMember.User)
	case *parleyv1.ConversationRequest_InviteMember:
		j.inviteMember(me, word.InviteMember.User)
	case *parleyv1.ConversationRequest_RemoveMember:
		j.removeMember(me, word.RemoveMember.User)
	case *parleyv1.ConversationRequest_LeaveConversation:
		j.leave(me)
	case *parleyv1.ConversationRequest_RenameConversation:
		j.rename(me, word.RenameConversation)
	case *parleyv1.ConversationRequest_ChangeRole:
		j.changeRole(me, word.ChangeRole)
	default: // a word that this binary does not know
		j.refuse(parleyv1.Reason_REASON_INVALID)
	}
}

// sendMessage says something.
func (j *judge) sendMessage(word *parleyv1.SendMessage) {
	switch {
	case len(j.row.Blocks) > 0:
		j.refuse(parleyv1.Reason_REASON_BLOCKED)
	case word.Body == nil:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	case word.ReplyTo > j.row.Number:
		j.refuse(parleyv1.Reason_REASON_NOT_FOUND)
	default:
		j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_MessageSent{
			MessageSent: &parleyv1.MessageSent{Body: word.Body, ReplyTo: word.ReplyTo},
		}})
	}
}

// setBlock keeps a block, also while the conversation does not exist: it may be opened later. Nobody is told.
func (j *judge) setBlock(word *parleyv1.SetBlock) {
	if name.Peer(j.stamp.Key, word.User) == "" {
		j.made.Malformed = "the one who blocks is none of the two people of a direct conversation"
		return
	}
	j.made.Events = append(j.made.Events, Event{Block: word})
}

// Deciding: which word it is, who asks, and whether the asker may know that the conversation exists.

package conversation

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// judge is one decision in the making.
type judge struct {
	row    *pb.ConversationRow
	stamp  Stamp
	origin *pb.Origin // whose command this is the outcome of
	made   Decision
}

// Decide judges one command.
func Decide(row *pb.ConversationRow, in *pb.ConversationCommand, stamp Stamp) Decision {
	if !name.ValidConversation(stamp.Key) {
		return Decision{Malformed: "the key is not home/conversation"}
	}
	j := &judge{row: row, stamp: stamp}
	switch word := in.Word.(type) {
	case *pb.ConversationCommand_Request:
		from := in.Origin
		if !name.ValidPerson(from.GetUser()) || !name.ValidID(from.DeviceId) || from.ClientSeq == 0 {
			return Decision{Malformed: "the request comes from nobody who could be told its outcome"}
		}
		j.origin = from
		j.request(word.Request)
	case *pb.ConversationCommand_AnswerJoin:
		j.answer(word.AnswerJoin)
	case *pb.ConversationCommand_SetBlock:
		j.setBlock(word.SetBlock)
	default:
		j.made.Malformed = "the word is not for a conversation"
	}
	return j.made
}

// request judges what a person asks. Four words may come from somebody who is not a member.
func (j *judge) request(r *pb.ConversationRequest) {
	switch word := r.Word.(type) {
	case *pb.ConversationRequest_CreateGroup:
		j.createGroup(word.CreateGroup)
	case *pb.ConversationRequest_OpenDirect:
		j.openDirect(word.OpenDirect.Peer)
	case *pb.ConversationRequest_AcceptInvitation:
		j.acceptInvitation()
	case *pb.ConversationRequest_DeclineInvitation:
		j.declineInvitation()
	default:
		if me := j.member(j.origin.User); me != nil {
			j.memberRequest(me, r)
		} else {
			j.refuse(pb.Reason_REASON_NOT_A_MEMBER)
		}
	}
}

// memberRequest judges what a member asks.
func (j *judge) memberRequest(me *pb.Member, r *pb.ConversationRequest) {
	if word := r.GetSendMessage(); word != nil {
		j.sendMessage(word)
		return
	}
	if j.row.Kind != pb.Kind_KIND_GROUP { // the two of a direct conversation are its two for ever
		j.refuse(pb.Reason_REASON_INVALID)
		return
	}
	switch word := r.Word.(type) {
	case *pb.ConversationRequest_AddMember:
		j.addMember(me, word.AddMember.User)
	case *pb.ConversationRequest_InviteMember:
		j.inviteMember(me, word.InviteMember.User)
	case *pb.ConversationRequest_RemoveMember:
		j.removeMember(me, word.RemoveMember.User)
	case *pb.ConversationRequest_LeaveConversation:
		j.leave(me)
	case *pb.ConversationRequest_RenameConversation:
		j.rename(me, word.RenameConversation)
	case *pb.ConversationRequest_ChangeRole:
		j.changeRole(me, word.ChangeRole)
	default: // a word that this binary does not know
		j.refuse(pb.Reason_REASON_INVALID)
	}
}

// sendMessage says something.
func (j *judge) sendMessage(word *pb.SendMessage) {
	switch {
	case len(j.row.Blocks) > 0:
		j.refuse(pb.Reason_REASON_BLOCKED)
	case word.Body == nil:
		j.refuse(pb.Reason_REASON_INVALID)
	case word.ReplyTo > j.row.Number:
		j.refuse(pb.Reason_REASON_NOT_FOUND)
	default:
		j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_MessageSent{
			MessageSent: &pb.MessageSent{Body: word.Body, ReplyTo: word.ReplyTo},
		}})
	}
}

// setBlock keeps a block, also while the conversation does not exist: it may be opened later. Nobody is told.
func (j *judge) setBlock(word *pb.SetBlock) {
	if name.Peer(j.stamp.Key, word.User) == "" {
		j.made.Malformed = "the one who blocks is none of the two people of a direct conversation"
		return
	}
	j.made.Events = append(j.made.Events, Event{Block: word})
}

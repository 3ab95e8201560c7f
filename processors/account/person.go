// What a person may ask of the own account, and what a conversation may ask of a person's.

package account

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// request judges what the person asks. Nothing but making the account works without one.
func (j *judge) request(r *pb.AccountRequest) {
	if word := r.GetCreateAccount(); word != nil {
		j.create(word)
		return
	}
	if !j.row.GetExists() {
		j.refuse(pb.Reason_REASON_NOT_FOUND)
		return
	}
	switch word := r.Word.(type) {
	case *pb.AccountRequest_ChangeProfile:
		j.sayAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_ProfileChanged{
			ProfileChanged: &pb.ProfileChanged{DisplayName: word.ChangeProfile.DisplayName},
		}})
	case *pb.AccountRequest_BlockPerson:
		j.block(word.BlockPerson.User)
	case *pb.AccountRequest_UnblockPerson:
		j.unblock(word.UnblockPerson.User)
	default:
		j.refuse(pb.Reason_REASON_INVALID)
	}
}

func (j *judge) create(word *pb.CreateAccount) {
	if j.row.GetExists() {
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
		return
	}
	j.sayAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_AccountCreated{
		AccountCreated: &pb.AccountCreated{DisplayName: word.DisplayName},
	}})
}

func (j *judge) block(user string) {
	_, blocked := slices.BinarySearch(j.row.GetBlocked(), user)
	switch {
	case !name.ValidPerson(user) || user == j.stamp.Key:
		j.refuse(pb.Reason_REASON_INVALID)
	case blocked:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(j.row.GetBlocked()) >= MaxBlocked:
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
	default:
		j.sayAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_PersonBlocked{
			PersonBlocked: &pb.PersonBlocked{User: user},
		}})
		j.setBlock(user, true)
	}
}

func (j *judge) unblock(user string) {
	if _, blocked := slices.BinarySearch(j.row.GetBlocked(), user); !blocked {
		j.refuse(pb.Reason_REASON_NOT_FOUND)
		return
	}
	j.sayAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_PersonUnblocked{
		PersonUnblocked: &pb.PersonUnblocked{User: user},
	}})
	j.setBlock(user, false)
}

// setBlock tells the direct conversation of the two, whether it exists or not: there the sending is stopped.
func (j *judge) setBlock(user string, blocked bool) {
	j.made.Outputs = append(j.made.Outputs, Output{name.Direct(j.stamp.Key, user), &pb.ConversationCommand{
		Word: &pb.ConversationCommand_SetBlock{
			SetBlock: &pb.SetBlock{User: j.stamp.Key, Blocked: blocked},
		},
	}})
}

// askJoin answers a conversation. The answer does not tell a block from a person who is not there.
func (j *judge) askJoin(ask *pb.AskJoin) {
	if !name.ValidConversation(ask.Conversation) {
		j.made.Malformed = "the one who asks is not a conversation: nobody could be answered"
		return
	}
	_, blocked := slices.BinarySearch(j.row.GetBlocked(), ask.By)
	suspended := j.row.GetStanding() == pb.Standing_STANDING_SUSPENDED
	j.made.Outputs = append(j.made.Outputs, Output{ask.Conversation, &pb.ConversationCommand{
		Word: &pb.ConversationCommand_AnswerJoin{AnswerJoin: &pb.AnswerJoin{
			User: j.stamp.Key, Allowed: j.row.GetExists() && !suspended && !blocked,
		}},
	}})
}

// What a person may ask of the own account, and what a conversation may ask of a person's.

package account

import (
	"slices"

	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// request judges what the person asks. Nothing but making the account works without one.
func (j *judge) request(r *parleyv1.AccountRequest) {
	if word := r.GetCreateAccount(); word != nil {
		j.create(word)
		return
	}
	if !j.row.GetExists() {
		j.refuse(parleyv1.Reason_REASON_NOT_FOUND)
		return
	}
	switch word := r.Word.(type) {
	case *parleyv1.AccountRequest_ChangeProfile:
		j.sayAndTell(&parleyv1.AccountEvent{Word: &parleyv1.AccountEvent_ProfileChanged{
			ProfileChanged: &parleyv1.ProfileChanged{DisplayName: word.ChangeProfile.DisplayName},
		}})
	case *parleyv1.AccountRequest_BlockPerson:
		j.block(word.BlockPerson.User)
	case *parleyv1.AccountRequest_UnblockPerson:
		j.unblock(word.UnblockPerson.User)
	default:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	}
}

func (j *judge) create(word *parleyv1.CreateAccount) {
	if j.row.GetExists() {
		j.refuse(parleyv1.Reason_REASON_ALREADY_EXISTS)
		return
	}
	j.sayAndTell(&parleyv1.AccountEvent{Word: &parleyv1.AccountEvent_AccountCreated{
		AccountCreated: &parleyv1.AccountCreated{DisplayName: word.DisplayName},
	}})
}

func (j *judge) block(user string) {
	_, blocked := slices.BinarySearch(j.row.GetBlocked(), user)
	switch {
	case !name.ValidPerson(user) || user == j.stamp.Key:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	case blocked:
		j.refuse(parleyv1.Reason_REASON_ALREADY_EXISTS)
	case len(j.row.GetBlocked()) >= MaxBlocked:
		j.refuse(parleyv1.Reason_REASON_LIMIT_REACHED)
	default:
		j.sayAndTell(&parleyv1.AccountEvent{Word: &parleyv1.AccountEvent_PersonBlocked{
			PersonBlocked: &parleyv1.PersonBlocked{User: user},
		}})
		j.setBlock(user, true)
	}
}

func (j *judge) unblock(user string) {
	if _, blocked := slices.BinarySearch(j.row.GetBlocked(), user); !blocked {
		j.refuse(parleyv1.Reason_REASON_NOT_FOUND)
		return
	}
	j.sayAndTell(&parleyv1.AccountEvent{Word: &parleyv1.AccountEvent_PersonUnblocked{
		PersonUnblocked: &parleyv1.PersonUnblocked{User: user},
	}})
	j.setBlock(user, false)
}

// setBlock tells the direct conversation of the two, whether it exists or not: there the sending is stopped.
func (j *judge) setBlock(user string, blocked bool) {
	j.made.Outputs = append(j.made.Outputs, Output{name.Direct(j.stamp.Key, user), &parleyv1.ConversationCommand{
		Word: &parleyv1.ConversationCommand_SetBlock{
			SetBlock: &parleyv1.SetBlock{User: j.stamp.Key, Blocked: blocked},
		},
	}})
}

// askJoin answers a conversation. The answer does not tell a block from a person who is not there.
func (j *judge) askJoin(ask *parleyv1.AskJoin) {
	if !name.ValidConversation(ask.Conversation) {
		j.made.Malformed = "the one who asks is not a conversation: nobody could be answered"
		return
	}
	_, blocked := slices.BinarySearch(j.row.GetBlocked(), ask.By)
	suspended := j.row.GetStanding() == parleyv1.Standing_STANDING_SUSPENDED
	j.made.Outputs = append(j.made.Outputs, Output{ask.Conversation, &parleyv1.ConversationCommand{
		Word: &parleyv1.ConversationCommand_AnswerJoin{AnswerJoin: &parleyv1.AnswerJoin{
			User: j.stamp.Key, Allowed: j.row.GetExists() && !suspended && !blocked,
		}},
	}})
}

// Blocked people, sorted, and the answer to conversations that ask whether the person may be made a member.

package account

import (
	"slices"

	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// MaxBlocked is the limit of blocked people.
const MaxBlocked = 64

func blockPerson(in input, p *pb.AccountRequest_BlockPerson) decision {
	user := p.BlockPerson.User
	_, blocked := slices.BinarySearch(in.row.GetBlocked(), user)
	switch {
	case !name.ValidPerson(user) || user == in.stamp.Key:
		return in.refuse(pb.Reason_REASON_INVALID)
	case blocked:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(in.row.GetBlocked()) >= MaxBlocked:
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	return in.setBlock(in.emitAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_PersonBlocked{
		PersonBlocked: &pb.PersonBlocked{User: user},
	}}), user, true)
}

func unblockPerson(in input, p *pb.AccountRequest_UnblockPerson) decision {
	user := p.UnblockPerson.User
	if _, blocked := slices.BinarySearch(in.row.GetBlocked(), user); !blocked {
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	}
	return in.setBlock(in.emitAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_PersonUnblocked{
		PersonUnblocked: &pb.PersonUnblocked{User: user},
	}}), user, false)
}

// setBlock tells the direct conversation of the two, whether it exists or not: there the sending is stopped.
func (in input) setBlock(d decision, user string, blocked bool) decision {
	d.Outputs = append(d.Outputs, machine.Output{Key: name.Direct(in.stamp.Key, user), Message: &pb.ConversationCommand{
		Word: &pb.ConversationCommand_SetBlock{
			SetBlock: &pb.SetBlock{User: in.stamp.Key, Blocked: blocked},
		},
	}})
	return d
}

func applyBlock(row *pb.AccountRow, user string, blocked bool) {
	i, there := slices.BinarySearch(row.Blocked, user)
	switch {
	case blocked && !there:
		row.Blocked = slices.Insert(row.Blocked, i, user)
	case !blocked && there:
		row.Blocked = slices.Delete(row.Blocked, i, i+1)
	}
}

// askJoin answers a conversation. The answer does not tell a block from a person who does not exist.
func askJoin(in input, p *pb.AccountCommand_AskJoin) decision {
	ask := p.AskJoin
	if !name.ValidConversation(ask.Conversation) {
		return decision{Malformed: "the one who asks is not a conversation: nobody could be answered"}
	}
	_, blocked := slices.BinarySearch(in.row.GetBlocked(), ask.By)
	suspended := in.row.GetStanding() == pb.Standing_STANDING_SUSPENDED
	return decision{Outputs: []machine.Output{{Key: ask.Conversation, Message: &pb.ConversationCommand{
		Word: &pb.ConversationCommand_AnswerJoin{AnswerJoin: &pb.AnswerJoin{
			User: in.stamp.Key, Allowed: in.row.GetExists() && !suspended && !blocked,
		}},
	}}}}
}

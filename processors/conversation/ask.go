// Asking: nobody becomes a member or is invited without a word from that person's account, so three words of a person wait
// for an answer before they have their outcome. What waits stands in the row.

package conversation

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// ask asks an account on behalf of a command; client_seq 0 = the command had its outcome already.
func (j *judge) ask(ask *pb.Ask) {
	j.made.Events = append(j.made.Events, Event{Asked: ask})
	j.made.Outputs = append(j.made.Outputs, Output{ask.User, &pb.AccountCommand{
		Word: &pb.AccountCommand_AskJoin{AskJoin: &pb.AskJoin{
			Conversation: j.stamp.Key, By: ask.Origin.User,
		}},
	}})
}

// answer ends what waited for it. An answer that nobody asked for is taken without a word.
func (j *judge) answer(answer *pb.AnswerJoin) {
	asks := j.row.GetAsks()
	i, waiting := findAsk(asks, answer.User)
	if !waiting {
		return
	}
	j.made.Events = append(j.made.Events, Event{Answered: answer})
	ask := asks[i]
	j.origin = ask.Origin
	if name.IsGroup(j.stamp.Key) {
		j.answerGroup(ask, answer.Allowed)
	} else {
		j.answerDirect(ask, answer.Allowed)
	}
}

// answerDirect opens a direct conversation.
func (j *judge) answerDirect(ask *pb.Ask, allowed bool) {
	if !allowed {
		j.refuse(pb.Reason_REASON_PERSON_UNAVAILABLE)
		return
	}
	first, second := ask.Origin.User, ask.User
	if first > second {
		first, second = second, first
	}
	j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{
			Kind:    pb.Kind_KIND_DIRECT,
			Members: []*pb.Member{j.newMember(first), j.newMember(second)},
		},
	}})
}

// answerGroup makes a member or an invitation, unless the group has changed since it asked: the one who asked may have
// gone or fallen in rank, the person may have come by invitation, the last place may be taken.
func (j *judge) answerGroup(ask *pb.Ask, allowed bool) {
	asker := j.member(ask.Origin.User)
	switch {
	case !allowed:
		j.refuse(pb.Reason_REASON_PERSON_UNAVAILABLE)
	case asker == nil:
		j.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	case !leads(asker):
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case ask.Invite: // no other way in, and no other invitation, while this one was asked
		j.invite(ask.User)
	case j.member(ask.User) != nil:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(j.row.Members) >= j.stamp.FanOut:
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
	default:
		j.join(ask.User)
	}
}

// openDirect asks the other person's account. The conversation's name must be the one that its two people have.
func (j *judge) openDirect(peer string) {
	me := j.origin.User
	switch {
	case !name.ValidPerson(peer) || peer == me || name.Direct(me, peer) != j.stamp.Key:
		j.refuse(pb.Reason_REASON_INVALID)
	case j.exists() || len(j.row.GetAsks()) > 0:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	default:
		j.ask(&pb.Ask{User: peer, Origin: j.origin})
	}
}

// addMember asks a person's account on behalf of a member.
func (j *judge) addMember(me *pb.Member, user string) {
	_, waiting := findAsk(j.row.Asks, user)
	switch {
	case !leads(me):
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !name.ValidPerson(user):
		j.refuse(pb.Reason_REASON_INVALID)
	case j.member(user) != nil || waiting:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(j.row.Asks) >= MaxAsks || len(j.row.Members)+j.asked(false) >= j.stamp.FanOut: // who is asked has a place kept
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
	default:
		j.ask(&pb.Ask{User: user, Origin: j.origin})
	}
}

// asked counts the accounts that are being asked, for an invitation or for a member.
func (j *judge) asked(invite bool) (count int) {
	for _, ask := range j.row.Asks {
		if ask.Invite == invite {
			count++
		}
	}
	return count
}

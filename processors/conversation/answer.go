// Answers of accounts to asks.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// answerJoin ends what waited for the answer. An answer that nobody asked for has no effect.
func answerJoin(in input, p *pb.ConversationCommand_AnswerJoin) decision {
	answer, asks := p.AnswerJoin, in.row.GetAsks()
	i, waiting := findAsk(asks, answer.User)
	if !waiting {
		return decision{}
	}
	ask := asks[i]
	in.origin = ask.Origin
	d := decision{}
	if name.IsGroup(in.stamp.Key) {
		d = in.answerGroup(ask, answer.Allowed)
	} else {
		d = in.answerDirect(ask, answer.Allowed)
	}
	d.Events = slices.Insert(d.Events, 0, event(answered{answer}))
	return d
}

// answerGroup makes a member or an invitation, unless the group has changed since it asked: the one who asked may have
// left or lost the role, the person may have joined by invitation, the last place may be taken.
func (in input) answerGroup(ask *pb.Ask, allowed bool) decision {
	asker := in.member(ask.Origin.User)
	switch {
	case !allowed:
		return in.refuse(pb.Reason_REASON_PERSON_UNAVAILABLE)
	case asker == nil:
		return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	case !leads(asker):
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case ask.Invite: // no other way in, and no other invitation, while this one was asked
		return in.invite(ask.User)
	case in.member(ask.User) != nil:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(in.row.Members) >= in.stamp.FanOut:
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	return in.join(ask.User)
}

// answered is that an account has answered. It stays inside.
type answered struct{ *pb.AnswerJoin }

// Apply implements machine.Event.
func (a answered) Apply(row *pb.ConversationRow) {
	if i, ok := findAsk(row.Asks, a.User); ok {
		row.Asks = deleted(row.Asks, i)
	}
}

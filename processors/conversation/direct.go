// Direct conversations: how one is opened, and whether one of its two people blocks the other.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// openDirect asks the other person's account. The conversation's name must be the one that its two people have.
func openDirect(in input, p *pb.ConversationRequest_OpenDirect) decision {
	me, peer := in.origin.User, p.OpenDirect.Peer
	switch {
	case !name.ValidPerson(peer) || peer == me || name.Direct(me, peer) != in.stamp.Key:
		return in.refuse(pb.Reason_REASON_INVALID)
	case in.exists() || len(in.row.GetAsks()) > 0:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	}
	return in.ask(decision{}, &pb.Ask{User: peer, Origin: in.origin})
}

// answerDirect opens the conversation when the peer's account has answered.
func (in input) answerDirect(ask *pb.Ask, allowed bool) decision {
	if !allowed {
		return in.refuse(pb.Reason_REASON_PERSON_UNAVAILABLE)
	}
	first, second := ask.Origin.User, ask.User
	if first > second {
		first, second = second, first
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{
			Kind:    pb.Kind_KIND_DIRECT,
			Members: []*pb.Member{in.newMember(first), in.newMember(second)},
		},
	}})
}

// setBlock keeps a block, also while the conversation does not exist: it may be opened later. Nobody is told.
func setBlock(in input, p *pb.ConversationCommand_SetBlock) decision {
	if name.Peer(in.stamp.Key, p.SetBlock.User) == "" {
		return decision{Malformed: "the one who blocks is none of the two people of a direct conversation"}
	}
	return decision{Events: []event{block{p.SetBlock}}}
}

// block is that one of the two people blocks the other, or no longer. It stays inside.
type block struct{ *pb.SetBlock }

// Apply implements machine.Event. The people who block are sorted.
func (b block) Apply(row *pb.ConversationRow) {
	i, there := slices.BinarySearch(row.Blocks, b.User)
	switch {
	case b.Blocked && !there:
		row.Blocks = inserted(row.Blocks, i, b.User)
	case !b.Blocked && there:
		row.Blocks = deleted(row.Blocks, i)
	}
}

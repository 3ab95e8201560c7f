// Invitations: a person who is invited may accept or decline. The row keeps open ones sorted by user.

package conversation

import (
	"slices"
	"strings"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// MaxInvitations is the limit of open invitations.
const MaxInvitations = 64

func findInvitation(invitations []*pb.Invitation, user string) (int, bool) {
	return slices.BinarySearchFunc(invitations, user, func(i *pb.Invitation, user string) int {
		return strings.Compare(i.User, user)
	})
}

// inviteMember asks a person's account on behalf of a member: whoever is blocked cannot invite, and nobody is told of the
// try. The one who invites gets PERSON_UNAVAILABLE, as for a person who does not exist.
func inviteMember(in input, me *pb.Member, p *pb.ConversationRequest_InviteMember) decision {
	user := p.InviteMember.User
	_, invited := findInvitation(in.row.Invitations, user)
	_, waiting := findAsk(in.row.Asks, user)
	switch {
	case !leads(me):
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !name.ValidPerson(user):
		return in.refuse(pb.Reason_REASON_INVALID)
	case in.member(user) != nil || invited || waiting:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(in.row.Asks) >= MaxAsks || len(in.row.Invitations)+in.asked(true) >= MaxInvitations: // who is asked has a place kept
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	return in.ask(decision{}, &pb.Ask{User: user, Origin: in.origin, Invite: true})
}

// invite invites a person. The members are told, and so is the invited person.
func (in input) invite(user string) decision {
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberInvited{
		MemberInvited: &pb.MemberInvited{User: user, Title: in.row.Title},
	}})
}

// acceptInvitation makes the invited person a member. Whoever is not invited learns nothing.
func acceptInvitation(in input, _ *pb.ConversationRequest_AcceptInvitation) decision {
	me := in.origin.User
	_, invited := findInvitation(in.row.GetInvitations(), me)
	switch {
	case in.member(me) != nil:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case !invited:
		return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	case len(in.row.Members) >= in.stamp.FanOut:
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	return in.join(me)
}

// declineInvitation takes the invitation away. Whoever is not invited learns nothing.
func declineInvitation(in input, _ *pb.ConversationRequest_DeclineInvitation) decision {
	me := in.origin.User
	_, invited := findInvitation(in.row.GetInvitations(), me)
	switch {
	case in.member(me) != nil:
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	case !invited:
		return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_InvitationDeclined{
		InvitationDeclined: &pb.InvitationDeclined{User: me},
	}})
}

// applyInvitations applies who has an open invitation.
func applyInvitations(row *pb.ConversationRow, e *pb.ConversationEvent, does effect.Effect) {
	if i, ok := findInvitation(row.Invitations, does.Invites); !ok && does.Invites != "" {
		row.Invitations = inserted(row.Invitations, i, &pb.Invitation{User: does.Invites, By: e.Origin.GetUser()})
	}
	if i, ok := findInvitation(row.Invitations, does.Settles); ok {
		row.Invitations = deleted(row.Invitations, i)
	}
}

// Groups: how one begins, and how people come by invitation.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// createGroup makes a group with its creator as only member. The others come one by one, as their accounts allow, so one
// who cannot be reached keeps nobody waiting; the creator's command has its outcome at once.
func (j *judge) createGroup(word *pb.CreateGroup) {
	me := j.origin.User
	others := slices.DeleteFunc(slices.Clone(word.Members), func(user string) bool { return user == me })
	slices.Sort(others)
	others = slices.Compact(others)
	switch {
	case !name.IsGroup(j.stamp.Key) || word.Title == nil:
		j.refuse(pb.Reason_REASON_INVALID)
		return
	case j.exists() && j.member(me) == nil:
		j.refuse(pb.Reason_REASON_NOT_A_MEMBER)
		return
	case j.exists():
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
		return
	case slices.ContainsFunc(others, func(user string) bool { return !name.ValidPerson(user) }):
		j.refuse(pb.Reason_REASON_INVALID)
		return
	case len(others) > MaxAsks || len(others)+1 > j.stamp.FanOut:
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
		return
	}
	owner := j.newMember(me)
	owner.Role = pb.Role_ROLE_OWNER
	j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{
			Kind: pb.Kind_KIND_GROUP, Title: word.Title, Members: []*pb.Member{owner},
		},
	}})
	for _, user := range others {
		j.ask(&pb.Ask{User: user, Origin: &pb.Origin{User: me}})
	}
}

// inviteMember asks a person's account on behalf of a member: whoever is blocked cannot invite, and nobody is told of the
// try. The one who invites hears PERSON_UNAVAILABLE, as of a person who is not there.
func (j *judge) inviteMember(me *pb.Member, user string) {
	_, invited := findInvitation(j.row.Invitations, user)
	_, waiting := findAsk(j.row.Asks, user)
	switch {
	case !leads(me):
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !name.ValidPerson(user):
		j.refuse(pb.Reason_REASON_INVALID)
	case j.member(user) != nil || invited || waiting:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(j.row.Asks) >= MaxAsks || len(j.row.Invitations)+j.asked(true) >= MaxInvitations: // who is asked has a place kept
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
	default:
		j.ask(&pb.Ask{User: user, Origin: j.origin, Invite: true})
	}
}

// invite invites a person, who may accept. The members hear of it, and so does the invited person.
func (j *judge) invite(user string) {
	j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberInvited{
		MemberInvited: &pb.MemberInvited{User: user, Title: j.row.Title},
	}})
}

// acceptInvitation makes the invited person a member. Whoever is not invited learns nothing.
func (j *judge) acceptInvitation() {
	me := j.origin.User
	_, invited := findInvitation(j.row.GetInvitations(), me)
	switch {
	case j.member(me) != nil:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case !invited:
		j.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	case len(j.row.Members) >= j.stamp.FanOut:
		j.refuse(pb.Reason_REASON_LIMIT_REACHED)
	default:
		j.join(me)
	}
}

// declineInvitation takes the invitation away. Whoever is not invited learns nothing.
func (j *judge) declineInvitation() {
	me := j.origin.User
	_, invited := findInvitation(j.row.GetInvitations(), me)
	switch {
	case j.member(me) != nil:
		j.refuse(pb.Reason_REASON_NOT_FOUND)
	case !invited:
		j.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	default:
		j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_InvitationDeclined{
			InvitationDeclined: &pb.InvitationDeclined{User: me},
		}})
	}
}

// Members: finding them in the sorted row, and the words by which they come, go and change rank.

package conversation

import (
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func findMember(members []*pb.Member, user string) (int, bool) {
	return slices.BinarySearchFunc(members, user, func(m *pb.Member, user string) int {
		return strings.Compare(m.User, user)
	})
}

func findInvitation(invitations []*pb.Invitation, user string) (int, bool) {
	return slices.BinarySearchFunc(invitations, user, func(i *pb.Invitation, user string) int {
		return strings.Compare(i.User, user)
	})
}

func findAsk(asks []*pb.Ask, user string) (int, bool) {
	return slices.BinarySearchFunc(asks, user, func(a *pb.Ask, user string) int {
		return strings.Compare(a.User, user)
	})
}

// exists reports whether the conversation was created. Blocks and asks may stand in the row before.
func (j *judge) exists() bool { return j.row.GetKind() != pb.Kind_KIND_UNSPECIFIED }

// member is the member of that name, or nil.
func (j *judge) member(user string) *pb.Member {
	if i, ok := findMember(j.row.GetMembers(), user); ok {
		return j.row.Members[i]
	}
	return nil
}

// newMember is a person who comes with the event that is being said, and sees what follows.
func (j *judge) newMember(user string) *pb.Member {
	return &pb.Member{
		User: user, Role: pb.Role_ROLE_MEMBER,
		SinceSeq: j.row.GetSeq() + 1, SinceNumber: j.row.GetNumber(),
	}
}

// leads reports whether a member adds, invites, removes and renames.
func leads(m *pb.Member) bool {
	return m.Role == pb.Role_ROLE_ADMIN || m.Role == pb.Role_ROLE_OWNER
}

// join makes a person a member.
func (j *judge) join(user string) {
	j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: j.newMember(user), Title: j.row.Title},
	}})
}

// removeMember: the owner removes anyone, an admin removes those below, and nobody oneself, which is leaving.
func (j *judge) removeMember(me *pb.Member, user string) {
	other := j.member(user)
	switch {
	case !leads(me):
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case user == me.User:
		j.refuse(pb.Reason_REASON_INVALID)
	case other == nil:
		j.refuse(pb.Reason_REASON_NOT_FOUND)
	case me.Role != pb.Role_ROLE_OWNER && other.Role != pb.Role_ROLE_MEMBER:
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	default:
		j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{
			MemberRemoved: &pb.MemberRemoved{User: user},
		}})
	}
}

// leave: an owner who leaves leaves the group to somebody.
func (j *judge) leave(me *pb.Member) {
	left := &pb.MemberLeft{User: me.User}
	if me.Role == pb.Role_ROLE_OWNER {
		left.NewOwner = j.heir(me.User)
	}
	j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: left}})
}

// heir is the oldest admin, else the oldest member; "" when nobody is left. Of two who came at once the first by name.
func (j *judge) heir(owner string) string {
	var heir *pb.Member
	for _, m := range j.row.Members {
		switch {
		case m.User == owner:
		case heir == nil, m.Role > heir.Role, m.Role == heir.Role && m.SinceSeq < heir.SinceSeq:
			heir = m
		}
	}
	return heir.GetUser()
}

// rename gives the group another title.
func (j *judge) rename(me *pb.Member, word *pb.RenameConversation) {
	switch {
	case !leads(me):
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case word.Title == nil:
		j.refuse(pb.Reason_REASON_INVALID)
	default:
		j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationRenamed{
			ConversationRenamed: &pb.ConversationRenamed{Title: word.Title},
		}})
	}
}

// roles are the roles that can be given.
var roles = []pb.Role{pb.Role_ROLE_MEMBER, pb.Role_ROLE_ADMIN, pb.Role_ROLE_OWNER}

// changeRole: the owner alone gives roles. Giving the own role away leaves the giver an admin, so that there is exactly
// one owner at every seq; for the same reason the owner cannot simply step down.
func (j *judge) changeRole(me *pb.Member, word *pb.ChangeRole) {
	other := j.member(word.User)
	switch {
	case me.Role != pb.Role_ROLE_OWNER:
		j.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !slices.Contains(roles, word.Role):
		j.refuse(pb.Reason_REASON_INVALID)
	case other == nil:
		j.refuse(pb.Reason_REASON_NOT_FOUND)
	case other.Role == word.Role:
		j.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case other == me:
		j.refuse(pb.Reason_REASON_INVALID)
	default:
		changed := &pb.RoleChanged{User: word.User, Role: word.Role}
		if word.Role == pb.Role_ROLE_OWNER {
			changed.FormerOwner = me.User
		}
		j.say(&pb.ConversationEvent{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: changed}})
	}
}

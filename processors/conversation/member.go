// Members: finding them in the sorted row, and the words by which they come, go and change rank.

package conversation

import (
	"slices"
	"strings"

	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func findMember(members []*parleyv1.Member, user string) (int, bool) {
	return slices.BinarySearchFunc(members, user, func(m *parleyv1.Member, user string) int {
		return strings.Compare(m.User, user)
	})
}

func findInvitation(invitations []*parleyv1.Invitation, user string) (int, bool) {
	return slices.BinarySearchFunc(invitations, user, func(i *parleyv1.Invitation, user string) int {
		return strings.Compare(i.User, user)
	})
}

func findAsk(asks []*parleyv1.Ask, user string) (int, bool) {
	return slices.BinarySearchFunc(asks, user, func(a *parleyv1.Ask, user string) int {
		return strings.Compare(a.User, user)
	})
}

// exists reports whether the conversation was created. Blocks and asks may stand in the row before.
func (j *judge) exists() bool { return j.row.GetKind() != parleyv1.Kind_KIND_UNSPECIFIED }

// member is the member of that name, or nil.
func (j *judge) member(user string) *parleyv1.Member {
	if i, ok := findMember(j.row.GetMembers(), user); ok {
		return j.row.Members[i]
	}
	return nil
}

// newMember is a person who comes with the event that is being said, and sees what follows.
func (j *judge) newMember(user string) *parleyv1.Member {
	return &parleyv1.Member{
		User: user, Role: parleyv1.Role_ROLE_MEMBER,
		SinceSeq: j.row.GetSeq() + 1, SinceNumber: j.row.GetNumber(),
	}
}

// leads reports whether a member adds, invites, removes and renames.
func leads(m *parleyv1.Member) bool {
	return m.Role == parleyv1.Role_ROLE_ADMIN || m.Role == parleyv1.Role_ROLE_OWNER
}

// join makes a person a member.
func (j *judge) join(user string) {
	j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_MemberJoined{
		MemberJoined: &parleyv1.MemberJoined{Member: j.newMember(user), Title: j.row.Title},
	}}, user)
}

// removeMember: the owner removes anyone, an admin removes those below, and nobody oneself, which is leaving.
func (j *judge) removeMember(me *parleyv1.Member, user string) {
	other := j.member(user)
	switch {
	case !leads(me):
		j.refuse(parleyv1.Reason_REASON_NOT_ALLOWED)
	case user == me.User:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	case other == nil:
		j.refuse(parleyv1.Reason_REASON_NOT_FOUND)
	case me.Role != parleyv1.Role_ROLE_OWNER && other.Role != parleyv1.Role_ROLE_MEMBER:
		j.refuse(parleyv1.Reason_REASON_NOT_ALLOWED)
	default:
		j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_MemberRemoved{
			MemberRemoved: &parleyv1.MemberRemoved{User: user},
		}}, user)
	}
}

// leave: an owner who leaves leaves the group to somebody.
func (j *judge) leave(me *parleyv1.Member) {
	left := &parleyv1.MemberLeft{User: me.User}
	if me.Role == parleyv1.Role_ROLE_OWNER {
		left.NewOwner = j.heir(me.User)
	}
	j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_MemberLeft{MemberLeft: left}}, me.User)
}

// heir is the oldest admin, else the oldest member; "" when nobody is left. Of two who came at once the first by name.
func (j *judge) heir(owner string) string {
	var heir *parleyv1.Member
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
func (j *judge) rename(me *parleyv1.Member, word *parleyv1.RenameConversation) {
	switch {
	case !leads(me):
		j.refuse(parleyv1.Reason_REASON_NOT_ALLOWED)
	case word.Title == nil:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	default:
		j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_ConversationRenamed{
			ConversationRenamed: &parleyv1.ConversationRenamed{Title: word.Title},
		}})
	}
}

// roles are the roles that can be given.
var roles = []parleyv1.Role{parleyv1.Role_ROLE_MEMBER, parleyv1.Role_ROLE_ADMIN, parleyv1.Role_ROLE_OWNER}

// changeRole: the owner alone gives roles. Giving the own role away leaves the giver an admin, so that there is exactly
// one owner at every seq; for the same reason the owner cannot simply step down.
func (j *judge) changeRole(me *parleyv1.Member, word *parleyv1.ChangeRole) {
	other := j.member(word.User)
	switch {
	case me.Role != parleyv1.Role_ROLE_OWNER:
		j.refuse(parleyv1.Reason_REASON_NOT_ALLOWED)
	case !slices.Contains(roles, word.Role):
		j.refuse(parleyv1.Reason_REASON_INVALID)
	case other == nil:
		j.refuse(parleyv1.Reason_REASON_NOT_FOUND)
	case other.Role == word.Role:
		j.refuse(parleyv1.Reason_REASON_ALREADY_EXISTS)
	case other == me:
		j.refuse(parleyv1.Reason_REASON_INVALID)
	default:
		changed := &parleyv1.RoleChanged{User: word.User, Role: word.Role}
		if word.Role == parleyv1.Role_ROLE_OWNER {
			changed.FormerOwner = me.User
		}
		j.say(&parleyv1.ConversationEvent{Word: &parleyv1.ConversationEvent_RoleChanged{RoleChanged: changed}})
	}
}

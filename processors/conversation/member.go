// Members: how they join, leave and change roles. The row keeps them sorted by user.

package conversation

import (
	"slices"
	"strings"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

func findMember(members []*pb.Member, user string) (int, bool) {
	return slices.BinarySearchFunc(members, user, func(m *pb.Member, user string) int {
		return strings.Compare(m.User, user)
	})
}

// exists reports whether the conversation was created. Blocks and asks may stand in the row before.
func (in input) exists() bool { return in.row.GetKind() != pb.Kind_KIND_UNSPECIFIED }

// member is the member of that name, or nil.
func (in input) member(user string) *pb.Member {
	if i, ok := findMember(in.row.GetMembers(), user); ok {
		return in.row.Members[i]
	}
	return nil
}

// newMember is a person who joins with the event that is being made, and sees what follows.
func (in input) newMember(user string) *pb.Member {
	return &pb.Member{
		User: user, Role: pb.Role_ROLE_MEMBER,
		SinceSeq: in.row.GetSeq() + 1, SinceNumber: in.row.GetNumber(),
	}
}

// leads reports whether a member adds, invites, removes and renames.
func leads(m *pb.Member) bool {
	return m.Role == pb.Role_ROLE_ADMIN || m.Role == pb.Role_ROLE_OWNER
}

// addMember asks a person's account on behalf of a member.
func addMember(in input, me *pb.Member, p *pb.ConversationRequest_AddMember) decision {
	user := p.AddMember.User
	_, waiting := findAsk(in.row.Asks, user)
	switch {
	case !leads(me):
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !name.ValidPerson(user):
		return in.refuse(pb.Reason_REASON_INVALID)
	case in.member(user) != nil || waiting:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case len(in.row.Asks) >= MaxAsks || len(in.row.Members)+in.asked(false) >= in.stamp.FanOut: // who is asked has a place kept
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	return in.ask(decision{}, &pb.Ask{User: user, Origin: in.origin})
}

// join makes a person a member.
func (in input) join(user string) decision {
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: in.newMember(user), Title: in.row.Title},
	}})
}

// removeMember: the owner removes anyone, an admin removes those below, and nobody oneself, which is leaving.
func removeMember(in input, me *pb.Member, p *pb.ConversationRequest_RemoveMember) decision {
	user := p.RemoveMember.User
	other := in.member(user)
	switch {
	case !leads(me):
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case user == me.User:
		return in.refuse(pb.Reason_REASON_INVALID)
	case other == nil:
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	case me.Role != pb.Role_ROLE_OWNER && other.Role != pb.Role_ROLE_MEMBER:
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{
		MemberRemoved: &pb.MemberRemoved{User: user},
	}})
}

// leave: an owner who leaves makes somebody else the owner.
func leave(in input, me *pb.Member, _ *pb.ConversationRequest_LeaveConversation) decision {
	left := &pb.MemberLeft{User: me.User}
	if me.Role == pb.Role_ROLE_OWNER {
		left.NewOwner = in.heir(me.User)
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: left}})
}

// heir is the oldest admin, else the oldest member; "" when nobody is left. Of two who joined at once the first by name.
func (in input) heir(owner string) string {
	var heir *pb.Member
	for _, m := range in.row.Members {
		switch {
		case m.User == owner:
		case heir == nil, m.Role > heir.Role, m.Role == heir.Role && m.SinceSeq < heir.SinceSeq:
			heir = m
		}
	}
	return heir.GetUser()
}

// roles are the roles that can be given.
var roles = []pb.Role{pb.Role_ROLE_MEMBER, pb.Role_ROLE_ADMIN, pb.Role_ROLE_OWNER}

// changeRole: the owner alone gives roles. Giving the own role away leaves the giver an admin, so that there is exactly
// one owner at every seq; for the same reason the owner cannot simply step down.
func changeRole(in input, me *pb.Member, p *pb.ConversationRequest_ChangeRole) decision {
	change := p.ChangeRole
	other := in.member(change.User)
	switch {
	case me.Role != pb.Role_ROLE_OWNER:
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case !slices.Contains(roles, change.Role):
		return in.refuse(pb.Reason_REASON_INVALID)
	case other == nil:
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	case other.Role == change.Role:
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case other == me:
		return in.refuse(pb.Reason_REASON_INVALID)
	}
	changed := &pb.RoleChanged{User: change.User, Role: change.Role}
	if change.Role == pb.Role_ROLE_OWNER {
		changed.FormerOwner = me.User
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: changed}})
}

// applyMembers applies who joins, who leaves and who has another role. With the last member the invitations end: nobody is
// left who invites, and whoever accepted would find a group without an owner.
func applyMembers(row *pb.ConversationRow, does effect.Effect) {
	for _, m := range does.Joins {
		if i, ok := findMember(row.Members, m.User); !ok {
			row.Members = inserted(row.Members, i, m)
		}
	}
	for _, r := range does.Roles {
		if i, ok := findMember(row.Members, r.User); ok {
			changed := row.Members[i].CloneVT()
			changed.Role = r.Role
			row.Members = slices.Clone(row.Members)
			row.Members[i] = changed
		}
	}
	if does.Leaves == "" {
		return
	}
	if i, ok := findMember(row.Members, does.Leaves); ok {
		row.Members = deleted(row.Members, i)
	}
	if len(row.Members) == 0 {
		row.Invitations = nil
	}
}

// Package effect says what an event does to people: who joins and leaves a conversation, who must be told, which command an
// event is the outcome of, and what is unread. Machines, the auditor, views and gateways ask here instead of each reading
// the events in its own way; the TypeScript client is tested against vectors that test/vectors makes from it.
//
//	effect.go    events of a conversation
//	audience.go  who is told
//	outcome.go   outcomes of commands
//	unread.go    what a member has not read
//
// It is pure: folds call it, so the same event must give the same effect on every owner. A change here changes folds, and
// then it needs new rules.
package effect

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Effect is what an event of a conversation does to its people.
type Effect struct {
	Joins   []*pb.Member // members from this event on
	Leaves  string       // no member from this event on; empty = nobody
	Invites string       // has an open invitation from this event on; empty = nobody
	Settles string       // has no open invitation from this event on; empty = nobody
	Roles   []Role       // given to members
	Message bool         // it is a message: it draws a number and counts as unread
}

// Role is the role that a member has from an event on.
type Role struct {
	User string
	Role pb.Role
}

// Of is the effect of an event. An event that this binary does not know has none.
func Of(event *pb.ConversationEvent) Effect {
	switch payload := event.GetWord().(type) {
	case *pb.ConversationEvent_MessageSent:
		return Effect{Message: true}
	case *pb.ConversationEvent_ConversationCreated:
		return Effect{Joins: payload.ConversationCreated.GetMembers()}
	case *pb.ConversationEvent_MemberInvited:
		return Effect{Invites: payload.MemberInvited.GetUser()}
	case *pb.ConversationEvent_InvitationDeclined:
		return Effect{Settles: payload.InvitationDeclined.GetUser()}
	case *pb.ConversationEvent_MemberJoined:
		member := payload.MemberJoined.GetMember()
		if member == nil {
			return Effect{}
		}
		return Effect{Joins: []*pb.Member{member}, Settles: member.GetUser()}
	case *pb.ConversationEvent_MemberLeft:
		left := payload.MemberLeft
		return Effect{Leaves: left.GetUser(), Roles: roles(Role{left.GetNewOwner(), pb.Role_ROLE_OWNER})}
	case *pb.ConversationEvent_MemberRemoved:
		return Effect{Leaves: payload.MemberRemoved.GetUser()}
	case *pb.ConversationEvent_RoleChanged:
		changed := payload.RoleChanged
		return Effect{Roles: roles(Role{changed.GetFormerOwner(), pb.Role_ROLE_ADMIN}, Role{changed.GetUser(), changed.GetRole()})}
	}
	return Effect{}
}

// roles are those that somebody gets.
func roles(given ...Role) []Role {
	var all []Role
	for _, r := range given {
		if r.User != "" {
			all = append(all, r)
		}
	}
	return all
}

// Groups: how one begins, and its title.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// createGroup makes a group with its creator as only member. The others join one by one, as their accounts allow, so one
// who cannot be reached keeps nobody waiting; the creator's command has its outcome at once.
func createGroup(in input, p *pb.ConversationRequest_CreateGroup) decision {
	me, group := in.origin.User, p.CreateGroup
	others := slices.DeleteFunc(slices.Clone(group.Members), func(user string) bool { return user == me })
	slices.Sort(others)
	others = slices.Compact(others)
	switch {
	case !name.IsGroup(in.stamp.Key) || group.Title == nil:
		return in.refuse(pb.Reason_REASON_INVALID)
	case in.exists() && in.member(me) == nil:
		return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	case in.exists():
		return in.refuse(pb.Reason_REASON_ALREADY_EXISTS)
	case slices.ContainsFunc(others, func(user string) bool { return !name.ValidPerson(user) }):
		return in.refuse(pb.Reason_REASON_INVALID)
	case len(others) > MaxAsks || len(others)+1 > in.stamp.FanOut:
		return in.refuse(pb.Reason_REASON_LIMIT_REACHED)
	}
	owner := in.newMember(me)
	owner.Role = pb.Role_ROLE_OWNER
	d := in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{
			Kind: pb.Kind_KIND_GROUP, Title: group.Title, Members: []*pb.Member{owner},
		},
	}})
	for _, user := range others {
		d = in.ask(d, &pb.Ask{User: user, Origin: &pb.Origin{User: me}})
	}
	return d
}

func rename(in input, me *pb.Member, p *pb.ConversationRequest_RenameConversation) decision {
	switch {
	case !leads(me):
		return in.refuse(pb.Reason_REASON_NOT_ALLOWED)
	case p.RenameConversation.Title == nil:
		return in.refuse(pb.Reason_REASON_INVALID)
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationRenamed{
		ConversationRenamed: &pb.ConversationRenamed{Title: p.RenameConversation.Title},
	}})
}

// applyTitle applies what the conversation is and what it is called.
func applyTitle(row *pb.ConversationRow, e *pb.ConversationEvent) {
	switch payload := e.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		row.Kind, row.Title = payload.ConversationCreated.Kind, payload.ConversationCreated.Title
	case *pb.ConversationEvent_ConversationRenamed:
		row.Title = payload.ConversationRenamed.Title
	}
}

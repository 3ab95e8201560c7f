// Applying: the only place where a conversation's row changes.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *pb.ConversationRow, event Event) *pb.ConversationRow {
	row = copied(row)
	switch {
	case event.Said != nil:
		row.Seq, row.Number = event.Said.Seq, event.Said.Number
		applySaid(row, event.Said)
	case event.Asked != nil:
		if i, ok := findAsk(row.Asks, event.Asked.User); !ok {
			row.Asks = inserted(row.Asks, i, event.Asked)
		}
	case event.Answered != nil:
		if i, ok := findAsk(row.Asks, event.Answered.User); ok {
			row.Asks = deleted(row.Asks, i)
		}
	case event.Block != nil:
		applyBlock(row, event.Block)
	}
	return row
}

// copied is the row with its lists shared: a message changes none of them, and whoever does makes another list.
func copied(row *pb.ConversationRow) *pb.ConversationRow {
	next := &pb.ConversationRow{
		Kind: row.GetKind(), Title: row.GetTitle(), Members: row.GetMembers(), Invitations: row.GetInvitations(),
		Asks: row.GetAsks(), Blocks: row.GetBlocks(), Seq: row.GetSeq(), Number: row.GetNumber(),
	}
	next.ProtoReflect().SetUnknown(row.ProtoReflect().GetUnknown()) // what a newer binary wrote
	return next
}

// inserted is a new list with one more.
func inserted[T any](list []T, at int, one T) []T { return slices.Insert(slices.Clip(list), at, one) }

// deleted is a new list with one less.
func deleted[T any](list []T, at int) []T { return slices.Delete(slices.Clone(list), at, at+1) }

func applySaid(row *pb.ConversationRow, event *pb.ConversationEvent) {
	switch word := event.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		row.Kind, row.Title = word.ConversationCreated.Kind, word.ConversationCreated.Title
		for _, m := range word.ConversationCreated.Members {
			putMember(row, m)
		}
	case *pb.ConversationEvent_MemberInvited:
		user := word.MemberInvited.User
		if i, ok := findInvitation(row.Invitations, user); !ok {
			row.Invitations = inserted(row.Invitations, i, &pb.Invitation{User: user, By: event.Origin.GetUser()})
		}
	case *pb.ConversationEvent_InvitationDeclined:
		dropInvitation(row, word.InvitationDeclined.User)
	case *pb.ConversationEvent_MemberJoined:
		putMember(row, word.MemberJoined.Member)
		dropInvitation(row, word.MemberJoined.Member.User)
	case *pb.ConversationEvent_MemberLeft:
		setRole(row, word.MemberLeft.NewOwner, pb.Role_ROLE_OWNER)
		dropMember(row, word.MemberLeft.User)
	case *pb.ConversationEvent_MemberRemoved:
		dropMember(row, word.MemberRemoved.User)
	case *pb.ConversationEvent_ConversationRenamed:
		row.Title = word.ConversationRenamed.Title
	case *pb.ConversationEvent_RoleChanged:
		setRole(row, word.RoleChanged.FormerOwner, pb.Role_ROLE_ADMIN)
		setRole(row, word.RoleChanged.User, word.RoleChanged.Role)
	case *pb.ConversationEvent_MessageSent: // the numbers say it
	}
}

// putMember adds a member.
func putMember(row *pb.ConversationRow, m *pb.Member) {
	if i, ok := findMember(row.Members, m.User); !ok {
		row.Members = inserted(row.Members, i, m)
	}
}

// dropMember takes a member away. With the last one the invitations end: nobody is left who invites, and whoever came
// would find a group without an owner.
func dropMember(row *pb.ConversationRow, user string) {
	if i, ok := findMember(row.Members, user); ok {
		row.Members = deleted(row.Members, i)
	}
	if len(row.Members) == 0 {
		row.Invitations = nil
	}
}

func dropInvitation(row *pb.ConversationRow, user string) {
	if i, ok := findInvitation(row.Invitations, user); ok {
		row.Invitations = deleted(row.Invitations, i)
	}
}

// setRole gives a member a role; "" is nobody.
func setRole(row *pb.ConversationRow, user string, role pb.Role) {
	if i, ok := findMember(row.Members, user); ok {
		changed := row.Members[i].CloneVT()
		changed.Role = role
		row.Members = slices.Clone(row.Members)
		row.Members[i] = changed
	}
}

// applyBlock keeps the sorted people who block the other.
func applyBlock(row *pb.ConversationRow, word *pb.SetBlock) {
	i, there := slices.BinarySearch(row.Blocks, word.User)
	switch {
	case word.Blocked && !there:
		row.Blocks = inserted(row.Blocks, i, word.User)
	case !word.Blocked && there:
		row.Blocks = deleted(row.Blocks, i)
	}
}

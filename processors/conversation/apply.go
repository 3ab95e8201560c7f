// Applying: the only place where a conversation's row changes.

package conversation

import (
	"slices"

	"github.com/parley-im/parley/schemas/effect"
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
	switch payload := event.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		row.Kind, row.Title = payload.ConversationCreated.Kind, payload.ConversationCreated.Title
	case *pb.ConversationEvent_ConversationRenamed:
		row.Title = payload.ConversationRenamed.Title
	}
	does := effect.Of(event)
	for _, m := range does.Joins {
		putMember(row, m)
	}
	if i, ok := findInvitation(row.Invitations, does.Invites); !ok && does.Invites != "" {
		row.Invitations = inserted(row.Invitations, i, &pb.Invitation{User: does.Invites, By: event.Origin.GetUser()})
	}
	if i, ok := findInvitation(row.Invitations, does.Settles); ok {
		row.Invitations = deleted(row.Invitations, i)
	}
	for _, r := range does.Roles {
		setRole(row, r.User, r.Role)
	}
	if does.Leaves != "" {
		dropMember(row, does.Leaves)
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

// setRole gives a member a role.
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

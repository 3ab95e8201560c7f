// Applying: the only place where a conversation's row changes.

package conversation

import (
	"slices"

	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Apply changes the row (nil = never met) by one event.
func Apply(row *parleyv1.ConversationRow, event Event) *parleyv1.ConversationRow {
	if row == nil {
		row = &parleyv1.ConversationRow{}
	}
	switch {
	case event.Said != nil:
		row.Seq, row.Number = event.Said.Seq, event.Said.Number
		applySaid(row, event.Said)
	case event.Asked != nil:
		if i, ok := findAsk(row.Asks, event.Asked.User); !ok {
			row.Asks = slices.Insert(row.Asks, i, event.Asked)
		}
	case event.Answered != nil:
		if i, ok := findAsk(row.Asks, event.Answered.User); ok {
			row.Asks = slices.Delete(row.Asks, i, i+1)
		}
	case event.Block != nil:
		applyBlock(row, event.Block)
	}
	return row
}

func applySaid(row *parleyv1.ConversationRow, event *parleyv1.ConversationEvent) {
	switch word := event.Word.(type) {
	case *parleyv1.ConversationEvent_ConversationCreated:
		row.Kind, row.Title = word.ConversationCreated.Kind, word.ConversationCreated.Title
		for _, m := range word.ConversationCreated.Members {
			putMember(row, m)
		}
	case *parleyv1.ConversationEvent_MemberInvited:
		user := word.MemberInvited.User
		if i, ok := findInvitation(row.Invitations, user); !ok {
			row.Invitations = slices.Insert(row.Invitations, i, &parleyv1.Invitation{User: user, By: event.Origin.GetUser()})
		}
	case *parleyv1.ConversationEvent_InvitationDeclined:
		dropInvitation(row, word.InvitationDeclined.User)
	case *parleyv1.ConversationEvent_MemberJoined:
		putMember(row, word.MemberJoined.Member)
		dropInvitation(row, word.MemberJoined.Member.User)
	case *parleyv1.ConversationEvent_MemberLeft:
		setRole(row, word.MemberLeft.NewOwner, parleyv1.Role_ROLE_OWNER)
		dropMember(row, word.MemberLeft.User)
	case *parleyv1.ConversationEvent_MemberRemoved:
		dropMember(row, word.MemberRemoved.User)
	case *parleyv1.ConversationEvent_ConversationRenamed:
		row.Title = word.ConversationRenamed.Title
	case *parleyv1.ConversationEvent_RoleChanged:
		setRole(row, word.RoleChanged.FormerOwner, parleyv1.Role_ROLE_ADMIN)
		setRole(row, word.RoleChanged.User, word.RoleChanged.Role)
	case *parleyv1.ConversationEvent_MessageSent: // the numbers say it
	}
}

// putMember adds a member. It copies: a later change of role must not reach into the event.
func putMember(row *parleyv1.ConversationRow, m *parleyv1.Member) {
	if i, ok := findMember(row.Members, m.User); !ok {
		row.Members = slices.Insert(row.Members, i, m.CloneVT())
	}
}

// dropMember takes a member away. With the last one the invitations end: nobody is left who invites, and whoever came
// would find a group without an owner.
func dropMember(row *parleyv1.ConversationRow, user string) {
	if i, ok := findMember(row.Members, user); ok {
		row.Members = slices.Delete(row.Members, i, i+1)
	}
	if len(row.Members) == 0 {
		row.Invitations = nil
	}
}

func dropInvitation(row *parleyv1.ConversationRow, user string) {
	if i, ok := findInvitation(row.Invitations, user); ok {
		row.Invitations = slices.Delete(row.Invitations, i, i+1)
	}
}

// setRole gives a member a role; "" is nobody.
func setRole(row *parleyv1.ConversationRow, user string, role parleyv1.Role) {
	if i, ok := findMember(row.Members, user); ok {
		row.Members[i].Role = role
	}
}

// applyBlock keeps the sorted people who block the other.
func applyBlock(row *parleyv1.ConversationRow, word *parleyv1.SetBlock) {
	i, there := slices.BinarySearch(row.Blocks, word.User)
	switch {
	case word.Blocked && !there:
		row.Blocks = slices.Insert(row.Blocks, i, word.User)
	case !word.Blocked && there:
		row.Blocks = slices.Delete(row.Blocks, i, i+1)
	}
}

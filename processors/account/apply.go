// Applying: the only place where an account's row changes.

package account

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Apply is the row (nil = never met) after one event. The row before stays as it is.
func Apply(row *pb.AccountRow, event Event) *pb.AccountRow {
	if row = row.CloneVT(); row == nil {
		row = &pb.AccountRow{}
	}
	if event.Leases != nil {
		row.Leases = event.Leases.Held
		return row
	}
	row.Version = event.Said.Version
	switch word := event.Said.Word.(type) {
	case *pb.AccountEvent_AccountCreated:
		row.Exists, row.DisplayName = true, word.AccountCreated.DisplayName
	case *pb.AccountEvent_ProfileChanged:
		row.DisplayName = word.ProfileChanged.DisplayName
	case *pb.AccountEvent_PersonBlocked:
		if i, ok := slices.BinarySearch(row.Blocked, word.PersonBlocked.User); !ok {
			row.Blocked = slices.Insert(row.Blocked, i, word.PersonBlocked.User)
		}
	case *pb.AccountEvent_PersonUnblocked:
		if i, ok := slices.BinarySearch(row.Blocked, word.PersonUnblocked.User); ok {
			row.Blocked = slices.Delete(row.Blocked, i, i+1)
		}
	case *pb.AccountEvent_StandingChanged:
		row.Standing = word.StandingChanged.Standing
	case *pb.AccountEvent_PresenceChanged: // the leases say it
	}
	return row
}

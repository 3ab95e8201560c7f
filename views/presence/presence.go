// Package presence turns account.events into who is there: a lease that runs out by itself, and when it was last renewed.
package presence

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Lease is what an event leaves to be kept, nil when it does not concern presence or cannot have been written by this
// house. Its version is its position: of two the higher one stays.
func Lease(user string, event *pb.AccountEvent) *pb.PersonPresence {
	changed := event.GetPresenceChanged()
	if changed == nil || !name.ValidPerson(user) || event.Version == 0 {
		return nil
	}
	return &pb.PersonPresence{
		User: user, UntilMs: changed.UntilMs, LastSeenMs: changed.LastSeenMs, Version: event.Version,
	}
}

// Package presence turns account.events into presence: a lease that expires by itself, and when it was last renewed.
package presence

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Lease is what an event leaves to be kept, nil when it is not about presence or Parley cannot have written it. Its version
// is its position: of two the higher one is kept.
func Lease(user string, event *pb.AccountEvent) *pb.PersonPresence {
	changed := event.GetPresenceChanged()
	if changed == nil || !name.ValidPerson(user) || event.Version == 0 {
		return nil
	}
	return &pb.PersonPresence{
		User: user, UntilMs: changed.UntilMs, LastSeenMs: changed.LastSeenMs, Version: event.Version,
	}
}

// Package people turns account.events into profiles.
package people

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Profile is what an event leaves to be kept, nil when it is not about the profile or Parley cannot have written it. Each
// such event holds the whole profile, so nothing needs to be read; its version is its position.
func Profile(user string, event *pb.AccountEvent) *pb.Person {
	if !name.ValidPerson(user) || event.Version == 0 {
		return nil
	}
	person := &pb.Person{User: user, Exists: true, Version: event.Version}
	switch payload := event.Word.(type) {
	case *pb.AccountEvent_AccountCreated:
		person.DisplayName = payload.AccountCreated.GetDisplayName()
	case *pb.AccountEvent_ProfileChanged:
		person.DisplayName = payload.ProfileChanged.GetDisplayName()
	default:
		return nil
	}
	return person
}

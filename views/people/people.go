// Package people turns account.events into profiles.
package people

import (
	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Profile is what an event leaves to be kept, nil when it does not concern the profile or cannot have been written by
// this house. Each such event says the whole profile, so nothing needs to be read; its version is its position.
func Profile(user string, event *v1.AccountEvent) *v1.Person {
	if !name.ValidPerson(user) || event.Version == 0 {
		return nil
	}
	person := &v1.Person{User: user, Exists: true, Version: event.Version}
	switch word := event.Word.(type) {
	case *v1.AccountEvent_AccountCreated:
		person.DisplayName = word.AccountCreated.GetDisplayName()
	case *v1.AccountEvent_ProfileChanged:
		person.DisplayName = word.ProfileChanged.GetDisplayName()
	default:
		return nil
	}
	return person
}

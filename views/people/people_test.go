// What an account event leaves of a profile.

package people

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestProfile(t *testing.T) {
	name := &v1.Sealed{KeyId: "k"}
	made := &v1.AccountEvent{Version: 1, Word: &v1.AccountEvent_AccountCreated{AccountCreated: &v1.AccountCreated{DisplayName: name}}}
	changed := &v1.AccountEvent{Version: 4, Word: &v1.AccountEvent_ProfileChanged{ProfileChanged: &v1.ProfileChanged{DisplayName: name}}}
	for _, c := range []struct {
		what  string
		user  string
		event *v1.AccountEvent
		want  *v1.Person
	}{
		{"made", "ann", made, &v1.Person{User: "ann", Exists: true, DisplayName: name, Version: 1}},
		{"changed", "ann", changed, &v1.Person{User: "ann", Exists: true, DisplayName: name, Version: 4}},
		{"a group has no profile", "g-one", made, nil},
		{"no user has such a name", "$where", made, nil},
		{"another word", "ann", &v1.AccountEvent{Version: 2, Word: &v1.AccountEvent_PersonBlocked{PersonBlocked: &v1.PersonBlocked{User: "bob"}}}, nil},
		{"no word", "ann", &v1.AccountEvent{Version: 2}, nil},
		{"no version", "ann", &v1.AccountEvent{Word: made.Word}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Profile(c.user, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

// What an account event leaves of a profile.

package people

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestProfile(t *testing.T) {
	name := &pb.Sealed{KeyId: "k"}
	made := &pb.AccountEvent{Version: 1, Word: &pb.AccountEvent_AccountCreated{AccountCreated: &pb.AccountCreated{DisplayName: name}}}
	changed := &pb.AccountEvent{Version: 4, Word: &pb.AccountEvent_ProfileChanged{ProfileChanged: &pb.ProfileChanged{DisplayName: name}}}
	for _, c := range []struct {
		what  string
		user  string
		event *pb.AccountEvent
		want  *pb.Person
	}{
		{"made", "ann", made, &pb.Person{User: "ann", Exists: true, DisplayName: name, Version: 1}},
		{"changed", "ann", changed, &pb.Person{User: "ann", Exists: true, DisplayName: name, Version: 4}},
		{"a group has no profile", "g-one", made, nil},
		{"no user has such a name", "$where", made, nil},
		{"another event", "ann", &pb.AccountEvent{Version: 2, Word: &pb.AccountEvent_PersonBlocked{PersonBlocked: &pb.PersonBlocked{User: "bob"}}}, nil},
		{"no payload", "ann", &pb.AccountEvent{Version: 2}, nil},
		{"no version", "ann", &pb.AccountEvent{Word: made.Word}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Profile(c.user, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

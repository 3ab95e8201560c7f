// What an account event leaves of a presence.

package presence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestLease(t *testing.T) {
	payload := &pb.AccountEvent_PresenceChanged{PresenceChanged: &pb.PresenceChanged{UntilMs: 50, LastSeenMs: 20}}
	for _, c := range []struct {
		what  string
		user  string
		event *pb.AccountEvent
		want  *pb.PersonPresence
	}{
		{"there", "ann", &pb.AccountEvent{Version: 3, Word: payload}, &pb.PersonPresence{User: "ann", UntilMs: 50, LastSeenMs: 20, Version: 3}},
		{"a group is never there", "g-one", &pb.AccountEvent{Version: 3, Word: payload}, nil},
		{"no version", "ann", &pb.AccountEvent{Word: payload}, nil},
		{"another event", "ann", &pb.AccountEvent{Version: 3, Word: &pb.AccountEvent_StandingChanged{}}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Lease(c.user, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

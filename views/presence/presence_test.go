// What an account event leaves of a presence.

package presence

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestLease(t *testing.T) {
	word := &v1.AccountEvent_PresenceChanged{PresenceChanged: &v1.PresenceChanged{UntilMs: 50, LastSeenMs: 20}}
	for _, c := range []struct {
		what  string
		user  string
		event *v1.AccountEvent
		want  *v1.PersonPresence
	}{
		{"there", "ann", &v1.AccountEvent{Version: 3, Word: word}, &v1.PersonPresence{User: "ann", UntilMs: 50, LastSeenMs: 20, Version: 3}},
		{"a group is never there", "g-one", &v1.AccountEvent{Version: 3, Word: word}, nil},
		{"no version", "ann", &v1.AccountEvent{Word: word}, nil},
		{"another word", "ann", &v1.AccountEvent{Version: 3, Word: &v1.AccountEvent_StandingChanged{}}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := Lease(c.user, c.event)
			require.True(t, proto.Equal(c.want, got), "want %v\ngot  %v", c.want, got)
		})
	}
}

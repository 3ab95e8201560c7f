// How what a machine says becomes bytes.

package processors

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// What many are told is encoded once: the inboxes of a group get the same bytes, not equal ones.
func TestAGroupIsToldTheSameBytes(t *testing.T) {
	m := hall(t, "conversation")
	had := encode(&pb.Row{Through: 1, TimeMs: begin, Rules: 1, State: &pb.Row_Conversation{Conversation: &pb.ConversationRow{
		Kind: pb.Kind_KIND_GROUP, Members: []*pb.Member{{User: "ann"}, {User: "bob"}, {User: "carl"}}}}})
	_, out := m.fold(1, had, input(m, 1, "g-hike/main", say("ann", 16)))
	require.Len(t, out, 4)
	require.Equal(t, []string{"g-hike/main", "ann", "bob", "carl"}, []string{out[0].Key, out[1].Key, out[2].Key, out[3].Key})
	require.Equal(t, "conversation.events", out[0].Topic)
	for _, o := range out[2:] {
		require.Equal(t, "inbox.commands", o.Topic)
		require.Same(t, &out[1].Value[0], &o.Value[0])
	}
}

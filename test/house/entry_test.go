// What came into the log: every bad frame and request of the suite was refused at its gate, so nothing of it stands there.

package house

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// httpDevices are those of requests: the gateway's own, the suite's script, and the first people's.
var httpDevices = []string{"http-", "script", "first-day"}

// onlyTheAccepted holds outbox.commands against what the gates said they accepted, and looks for marks that they refused
// and for dead letters.
func onlyTheAccepted(t *testing.T, h *House) {
	t.Helper()
	commands := 0
	require.NoError(t, wire.Read(context.Background(), cluster(h), "outbox.commands", func(r *topology.Record) error {
		var c pb.OutboxCommand
		if err := c.UnmarshalVT(r.Value); err != nil {
			return fmt.Errorf("outbox.commands/%d@%d: %w", r.Partition, r.Offset, err)
		}
		for _, device := range httpDevices {
			if strings.HasPrefix(c.DeviceId, device) {
				return nil
			}
		}
		commands++
		_, ok := h.accepted.Load(fmt.Sprintf("%s/%s/%d", r.Key, c.DeviceId, c.ClientSeq))
		if !ok {
			return fmt.Errorf("outbox.commands/%d@%d: nobody was told that %s's command %d was accepted", r.Partition, r.Offset, r.Key, c.ClientSeq)
		}
		return nil
	}))
	require.Positive(t, commands)
	marks := 0
	require.NoError(t, wire.Read(context.Background(), cluster(h), "bookmark.commands", func(r *topology.Record) error {
		marks++
		if _, refused := h.unseen.Load(r.Key); refused {
			return fmt.Errorf("bookmark.commands/%d@%d: marks of %s, who is no member", r.Partition, r.Offset, r.Key)
		}
		return nil
	}))
	require.Positive(t, marks)
	require.NoError(t, wire.Read(context.Background(), cluster(h), topology.DeadLetters, func(r *topology.Record) error {
		return fmt.Errorf("a dead letter from %s", r.Key)
	}))
}

// What an auditor remembers is bounded: outputs are forgotten when no repeat of them can come, also while a flow never rests.

package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

func TestOutputsAreForgottenWhileAFlowNeverRests(t *testing.T) {
	plan := topology.House()
	plan.Partitions = 1
	h := walk.New(plan)
	ann := h.Device("ann", "phone")
	ann.CreateAccount()
	h.Device("bob", "phone").CreateAccount()
	h.Run()
	direct := ann.OpenDirect("bob")
	h.Run()
	remembered := map[int]int{} // by messages
	kept, said := memory{}, 0
	a := hear(t, plan, kept)
	a.Remember(50)
	const waiting = 20 // records that are always still on their way
	taken := 0
	for said < 400 {
		ann.SendText(direct, "something")
		said++
		if said%2 == 0 {
			h.Run()
		}
		log := h.Log()
		for ; taken < len(log)-waiting; taken++ {
			require.NoError(t, a.Take(&log[taken]))
		}
		if said%100 == 0 {
			a.Check(audit.Horizon{})
			remembered[said] = len(kept)
		}
	}
	require.Zero(t, a.Counts().Total(), "%v", a.Counts().Kept)
	require.Positive(t, a.Counts().Unseen, "the flows rest: this proves little")
	require.InDelta(t, remembered[200], remembered[400], 60, "%v: it grows with the log", remembered)
}

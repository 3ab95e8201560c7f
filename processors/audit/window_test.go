// What an auditor remembers is bounded: outputs are forgotten when no repeat of them can come, also while a flow never rests.

package audit

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

// shelf is a memory in a map.
type shelf map[string]string

func (s shelf) Get(key []byte) []byte {
	if value, ok := s[string(key)]; ok {
		return []byte(value)
	}
	return nil
}
func (s shelf) Set(key, value []byte) { s[string(key)] = string(value) }
func (s shelf) Delete(key []byte)     { delete(s, string(key)) }
func (s shelf) Forget(from, to []byte) {
	maps.DeleteFunc(s, func(key, _ string) bool { return string(from) <= key && key < string(to) })
}
func (s shelf) Scan(from, to []byte, each func(key, value []byte) bool) {
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if string(from) <= key && key < string(to) && !each([]byte(key), []byte(s[key])) {
			return
		}
	}
}

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
	kept, said := shelf{}, 0
	a, err := New(plan, processors.Machines(plan), kept, nil)
	require.NoError(t, err)
	a.window = 50
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
			a.Judge(Horizon{})
			remembered[said] = len(kept)
		}
	}
	require.Zero(t, a.Counts().Total(), "%v", a.Counts().Kept)
	require.Positive(t, a.Counts().Unseen, "the flows rest: this proves little")
	require.InDelta(t, remembered[200], remembered[400], 60, "%v: it grows with the log", remembered)
}

// What was heard lately is what was heard since the last look, and nothing of before.

package imload

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLatelyForgetsWhatWasBefore(t *testing.T) {
	h := &Hist{}
	for range 100 {
		h.Record(1e6)
	}
	before := h.since(&Hist{})
	require.InDelta(t, 1, before.Quantile(.5), 0.1)
	h.Record(50e6)
	require.InDelta(t, 50, h.since(before).Quantile(.5), 1)
	require.InDelta(t, 1, h.Quantile(.5), 0.1)
}

// A cost is read off between the points that were measured, and is taken as flat outside of them.

package deploy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCostsOfARate(t *testing.T) {
	rates, paid := []float64{10, 1000}, []float64{8, 2}
	for _, c := range []struct{ rate, want float64 }{{1, 8}, {10, 8}, {100, 4}, {1000, 2}, {1e6, 2}} {
		require.InDelta(t, c.want, CostAt(rates, paid, c.rate), 1e-9, "at %g", c.rate)
	}
	require.InDelta(t, 1, CostAt(rates, []float64{0, 2}, 100), 1e-9, "nothing has no logarithm")
}

func TestCostsAreChecked(t *testing.T) {
	cost := func(connect float64, pairs ...float64) map[string]Cost {
		return map[string]Cost{"kafka": {Pairs: pairs, Inbox: []float64{1}, Connect: connect}}
	}
	require.NoError(t, Costs{Rates: []float64{1, 2}, InboxRates: []float64{1}, CPU: cost(0, 3, 2)}.Check())
	require.ErrorContains(t, Costs{Rates: []float64{2, 1}, InboxRates: []float64{1}}.Check(), "do not rise")
	require.ErrorContains(t, Costs{Rates: []float64{1, 2}, InboxRates: []float64{1}, CPU: cost(0, 3)}.Check(), "was measured at 1")
	require.ErrorContains(t, Costs{Rates: []float64{1}, InboxRates: []float64{1}, CPU: cost(-1, 3)}.Check(), "less than nothing")
}

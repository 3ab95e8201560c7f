// The summary tells medians of what varies, and the worst of what must never happen.

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/bench/imload"
)

func TestSummary(t *testing.T) {
	var found []imload.Result
	for i, perSecond := range []float64{300, 100, 900} {
		found = append(found, imload.Result{Label: "calm/1", DeliveredPerS: perSecond, Lost: int64(i % 2), Processes: map[string]float64{"kafka": perSecond / 1000}})
	}
	found = append(found, imload.Result{Label: "full/1", DeliveredPerS: 7, Processes: map[string]float64{"kafka": 1}})
	var told strings.Builder
	figures(&told, found)
	costs(&told, found)
	require.Contains(t, told.String(), "1:1 | 300 |", "the median")
	require.Contains(t, told.String(), "| 1 | 0 | 0 | 0 |", "one was lost in one of the rounds")
	require.Contains(t, told.String(), "| calm | 0.300 | 0.000 |")
	require.NotContains(t, told.String(), "| group", "what was not measured is not told")
	standstills(&told, found)
	require.NotContains(t, told.String(), "stalled", "nobody looked")
	for i := range 3 {
		found[i].StalledShare, found[i].StallMax, found[i].E2E99, found[i].Steady99 = float64(i)/100, float64(10*i), 60, 9
	}
	standstills(&told, found)
	require.Contains(t, told.String(), "| calm | 1.0 % | 20 ms | 60.0 ms | 9.0 ms |")
	require.Equal(t, 100.0, median(found[:2], func(r imload.Result) float64 { return r.DeliveredPerS }), "of two the lower")
}

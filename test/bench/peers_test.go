// The comparison tells medians and the worst of each system, and leaves out what was not measured.

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/bench/imload"
)

func TestComparison(t *testing.T) {
	ours := &side{peer: peer{name: "parley", version: "Parley 1", ack: "in Kafka"}, rest: 0.052}
	theirs := &side{peer: peer{name: "nats", version: "NATS 2"}}
	for i, perSecond := range []float64{30, 10, 20} {
		ours.found = append(ours.found, imload.Result{Label: "peers-full/1", DeliveredPerS: perSecond, Reorder: int64(i)})
	}
	theirs.found = []imload.Result{{Label: "peers-full/1", DeliveredPerS: 7}, {Label: "peers-calm/1", DeliveredPerS: 8}}
	var told strings.Builder
	meanings(&told, []*side{ours, theirs})
	for _, s := range scenarios {
		compared(&told, s, []*side{ours, theirs})
	}
	require.Contains(t, told.String(), "| Parley 1 |  | in Kafka | 5.2 % |")
	require.Contains(t, told.String(), "| parley | 20 |", "the median")
	require.Contains(t, told.String(), "| 0 | 0 | 2 | 0 |", "the worst")
	require.Equal(t, 2, strings.Count(told.String(), "\n## "), "full and calm alone were measured")
	require.Equal(t, 1, strings.Count(told.String(), "| parley |"))
	require.Equal(t, 2, strings.Count(told.String(), "| nats |"))
}

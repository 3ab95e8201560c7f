// The graph on examples whose answers are known.

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCircles(t *testing.T) {
	for _, example := range []struct {
		name, edges        string
		circular, feedback int
	}{
		{"nothing", "", 0, 0},
		{"a chain", "ab bc cd", 0, 0},
		{"two that know each other", "ab ba", 2, 1},
		{"a ring and its way in", "xa ab bc ca", 3, 1},
		{"two rings in one node", "ab ba bc cb", 4, 2},
		{"a ring with a shortcut", "ab bc cd da ac", 5, 1},
		{"all know all", "ab ba ac ca bc cb", 6, 3},
	} {
		t.Run(example.name, func(t *testing.T) {
			g := graph{}
			for edge := range strings.FieldsSeq(example.edges) {
				g.add(edge[:1], edge[1:])
			}
			circles := g.circular()
			require.Equal(t, example.circular, circles.size())
			require.Equal(t, example.feedback, circles.feedback())
		})
	}
}

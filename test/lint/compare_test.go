// The comparison, and findings that stay the same when lines move.

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	known := Finding{Package: "p", Function: "F", Message: "m", Reason: "r"}
	moved := known
	moved.Reason, moved.position = "", "a.go:7:1"
	other := Finding{Package: "p", Function: "G", Message: "m", position: "a.go:9:1"}
	unexplained := known
	unexplained.Reason = ""

	require.Empty(t, compare([]Finding{known}, []Finding{moved}))
	require.Equal(t, []string{"a.go:9:1: G: m"}, compare([]Finding{known}, []Finding{moved, other}))
	require.Contains(t, strings.Join(compare([]Finding{known}, nil), "\n"), "remove this")
	require.Contains(t, strings.Join(compare([]Finding{unexplained}, []Finding{moved}), "\n"), "no reason")

	var many []Finding
	for range maxAccepted + 1 {
		many = append(many, known)
	}
	require.Contains(t, strings.Join(compare(many, []Finding{moved}), "\n"), "more than")
}

func TestMessagesHaveNoPositions(t *testing.T) {
	message := "Potential nil panic detected. Observed nil flow from source to dereference point: \n\t- http/line.go:101:9: literal `nil` returned from " +
		"`dial()` in position 0\n\t- http/command.go:187:2: result 0 of `dial()` called `Said()` via the assignment(s):\n\t\t- `h.dial(...)` to `l` at " +
		"http/command.go:175:2\n\n(Same nil source could also cause potential nil panic(s) at 1 other place(s): \"http/command.go:190:27\".)\n"
	require.Equal(t, "literal `nil` returned from `dial()` in position 0; result 0 of `dial()` called `Said()` via the assignment(s):; "+
		"`h.dial(...)` to `l`", withoutPositions(message))
}

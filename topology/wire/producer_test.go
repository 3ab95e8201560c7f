// What leaves with an output, and how much may be on its way.

package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/produce"
)

func TestInheritedHeadersAreSortedAndLeaveTheCauseOut(t *testing.T) {
	in := &topology.Record{Headers: []topology.Header{
		{Key: topology.HeaderTrace, Value: []byte{3}}, {Key: "theirs", Value: []byte{9}}, {Key: topology.HeaderCause, Value: []byte{9}},
		{Key: topology.HeaderLane, Value: []byte{1}}, {Key: topology.HeaderCorrelation, Value: []byte{4}},
	}}
	headers := inherit(in)
	require.ElementsMatch(t, []topology.Header{
		{Key: topology.HeaderCorrelation, Value: []byte{4}}, {Key: topology.HeaderLane, Value: []byte{1}}, {Key: topology.HeaderTrace, Value: []byte{3}},
	}, headers)
	cause := topology.Header{Key: topology.HeaderCause} // stands before them
	require.True(t, slices.IsSortedFunc(append([]topology.Header{cause}, headers...), func(a, b topology.Header) int { return strings.Compare(a.Key, b.Key) }))
}

func TestBudgetBoundsAndEnds(t *testing.T) {
	b := newBudget(2, 100)
	large := &shipment{Record: produce.Record{Value: make([]byte, 500)}}
	small := func() *shipment { return &shipment{Record: produce.Record{Value: make([]byte, 1)}} }
	require.NoError(t, b.take(large), "a record larger than the budget goes alone")
	waiting := make(chan error)
	go func() { waiting <- b.take(small()) }()
	b.giveAll(large)
	require.NoError(t, <-waiting)
	require.NoError(t, b.take(small()))
	go func() { waiting <- b.take(small()) }()
	broken := errors.New("broken")
	b.close(broken)
	require.ErrorIs(t, <-waiting, broken)
	require.ErrorIs(t, b.drained(testPatience), broken)
}

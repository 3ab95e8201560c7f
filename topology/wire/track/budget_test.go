// How much may be on its way.

package track

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/produce"
)

func TestBudgetBoundsAndEnds(t *testing.T) {
	b := newBudget(2, 100)
	large := &Shipment{Record: produce.Record{Value: make([]byte, 500)}}
	small := func() *Shipment { return &Shipment{Record: produce.Record{Value: make([]byte, 1)}} }
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
	require.ErrorIs(t, b.drained(10*time.Second), broken)
}

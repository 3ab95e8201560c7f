// The table has a row for every view of the plan, bound to the kind of store that the plan names.

package views_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/viewtest"
)

func TestEveryViewOfThePlanHasARow(t *testing.T) {
	for _, view := range viewtest.Plan().Views {
		row, ok := views.RowOf(view.Name)
		require.True(t, ok, view.Name)
		require.Equal(t, view.Store == "documents", row.Compare != nil, view.Name)
	}
}

// Roles are chosen by name and by kind.

package run

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	all, err := Choose([]string{"all"})
	require.NoError(t, err)
	require.Len(t, all, len(Roles()))
	some, err := Choose([]string{"view/", "query", "query"})
	require.NoError(t, err)
	require.Len(t, some, 6)
	_, err = Choose([]string{"processor/nothing"})
	require.ErrorContains(t, err, "no role is called")
}

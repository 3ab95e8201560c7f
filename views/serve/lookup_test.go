// The names of replicas are looked up to all their addresses.

package serve

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreLookedUpToAllTheirAddresses(t *testing.T) {
	found, err := lookUp(t.Context(), []string{"127.0.0.1:2", "127.0.0.1:1", "nobody.invalid:3", "127.0.0.1:2"})
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:1", "127.0.0.1:2"}, found)
	_, err = lookUp(t.Context(), []string{"no port"})
	require.ErrorContains(t, err, "no replica of the query service can be found")
}

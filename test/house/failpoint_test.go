// An ordinary binary cannot be told to die: nothing of the points is in it.

package house

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/failpoint"
)

// TestOrdinaryBinaryHasNoFailpoints looks for the words that BuildMortal's binary has; the campaign, which makes that one
// die at every point, would notice if it had them not.
func TestOrdinaryBinaryHasNoFailpoints(t *testing.T) {
	path, err := Build()
	require.NoError(t, err)
	binary, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, word := range []string{failpoint.Env, failpoint.BreachEnv, string(failpoint.TakeoverRewritten)} {
		require.False(t, bytes.Contains(binary, []byte(word)), "%q is in the binary", word)
	}
}

// The part of the suite that both kinds run: pointers of generations.

package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/views/store"
)

// pointers: a pointer is replaced by its next version only.
func pointers(t *testing.T, generations store.Generations, views ...string) {
	for _, view := range views {
		for step, c := range []struct {
			version int64
			want    bool
		}{{2, false}, {1, true}, {2, true}, {2, false}} {
			ok, err := generations.SetPointer(t.Context(), view, c.version, []byte("{}"))
			require.NoError(t, err)
			require.Equal(t, c.want, ok, "%s: step %d", view, step)
		}
	}
}

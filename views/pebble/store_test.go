// The suite of stores.

package pebble

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Documents(t, func(t *testing.T) store.Documents {
		opened, err := Open(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		return opened
	})
}

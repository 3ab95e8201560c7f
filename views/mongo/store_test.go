// The suite of stores, over MongoDB's wire protocol.

package mongo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/store/storetest"
)

func TestStore(t *testing.T) {
	require.Equal(t, storetest.Page, PageSize, "the suite crosses the borders of pages")
	storetest.Documents(t, func(t *testing.T) store.Documents { return open(t, servers.Mongo(t, servers.Own()).URI) })
}

func open(t *testing.T, uri string) *Store {
	opened, err := Open(t.Context(), uri)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	return opened
}

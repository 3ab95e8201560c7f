// The suite of stores, on miniredis and on a real Redis.

package redis

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/views/store"
	"github.com/parley-im/parley/views/store/storetest"
)

func TestStore(t *testing.T) {
	for name, address := range map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return servers.Redis(t, servers.Own()).Addr },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Lists(t, Kept, func(t *testing.T) (store.Lists, func()) {
				opened, direct := open(t, address(t))
				return opened, func() { require.NoError(t, direct.FlushAll(t.Context()).Err()) }
			})
		})
	}
}

// open opens a store for the suite, and a client that sees what is in it.
func open(t *testing.T, address string) (*Store, *goredis.Client) {
	opened, err := Open(t.Context(), Options{Address: address, Partition: func(string) int32 { return storetest.Partition }})
	require.NoError(t, err)
	direct := goredis.NewClient(&goredis.Options{Addr: address, Protocol: 2})
	t.Cleanup(func() {
		require.NoError(t, direct.Close())
		require.NoError(t, opened.Close())
	})
	return opened, direct
}

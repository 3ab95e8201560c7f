// This file checks that Redis starts, keeps an append-only file through kill -9, and refuses instead of evicting.

package servers

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestRedisKeepsWritesThroughKill(t *testing.T) {
	began := time.Now()
	r := Redis(t, AOF())
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	ctx := shortly(t, 30*time.Second)
	client := redis.NewClient(&redis.Options{Addr: r.Addr, DialerRetries: 1})
	defer client.Close()
	policy, err := client.ConfigGet(ctx, "maxmemory-policy").Result()
	require.NoError(t, err)
	require.Equal(t, "noeviction", policy["maxmemory-policy"])

	require.NoError(t, client.Set(ctx, "who", "ada", 0).Err())
	require.NoError(t, r.Kill())
	require.Error(t, client.Get(ctx, "who").Err())
	require.NoError(t, r.Start())
	require.Equal(t, "ada", client.Get(ctx, "who").Val())
	require.NoError(t, r.Stop())
	require.NoError(t, r.Start())
	require.Equal(t, "ada", client.Get(ctx, "who").Val())
}

func TestRedisForgetsWithoutFile(t *testing.T) {
	r := Redis(t, Own())
	ctx := shortly(t, 30*time.Second)
	client := redis.NewClient(&redis.Options{Addr: r.Addr, DialerRetries: 1})
	defer client.Close()
	require.NoError(t, client.Set(ctx, "who", "ada", 0).Err())
	require.NoError(t, r.Kill())
	require.NoError(t, r.Start())
	require.ErrorIs(t, client.Get(ctx, "who").Err(), redis.Nil)
}

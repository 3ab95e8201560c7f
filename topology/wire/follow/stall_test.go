// A follower that is given nothing though there is something ends; one that has everything, or is behind by itself, goes on.

package follow

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/logtest"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

func TestFollowerEndsWhenItsClientFetchesNoMore(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	kafka := wiretest.Kafka(t, plan)
	h := logtest.Join(t, plan, kafka.ListenAddrs())
	var silent atomic.Bool
	kafka.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		return req.ResponseKind(), nil, silent.Load() // there is nothing, it says
	})
	ended := make(chan error, 1)
	var handled atomic.Int64
	go func() {
		ended <- Run(t.Context(), Config{
			Cluster: h.Cluster, Plan: plan, Name: "view", Topics: []string{wiretest.Commands}, Stall: time.Second, Log: wiretest.Log(t),
			Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
				handled.Add(int64(len(batch)))
				return nil
			},
		})
	}()
	h.Send(100, 10)
	h.Await("all", func() bool { return handled.Load() == 100 })
	time.Sleep(3 * time.Second) // with nothing to fetch, nothing is wrong
	require.Empty(t, ended)
	silent.Store(true)
	time.Sleep(2 * time.Second) // a fetch that waits at the broker would still be answered
	h.Send(10, 10)
	select {
	case err := <-ended:
		require.ErrorIs(t, err, ErrStalled)
	case <-time.After(wiretest.Timeout):
		require.FailNow(t, "the follower waits for ever")
	}
}

func TestFollowerThatIsSlowIsNotStalled(t *testing.T) {
	h := logtest.New(t, 1)
	h.Send(400, 10)
	var s taken
	stop := start(h, &s, func(c *Config) {
		c.Stall, c.MaxBatch = 500*time.Millisecond, 10
		handle := c.Handle
		c.Handle = func(ctx context.Context, topic string, partition int32, batch []topology.Record) error {
			time.Sleep(100 * time.Millisecond)
			return handle(ctx, topic, partition, batch)
		}
	})
	h.Await("all", func() bool { return s.count() == 400 })
	require.NoError(t, stop())
}

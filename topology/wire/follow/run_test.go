// Followers: order, commits, repeats, pauses, shares, and stops.

package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/logtest"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// taken is what a follower handled.
type taken struct {
	mu      sync.Mutex
	records []topology.Record
	owned   [][]topology.TopicPartition
	handled map[topology.TopicPartition]bool
	strange []string
}

func (s *taken) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

func (s *taken) last() []topology.TopicPartition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.owned) == 0 {
		return nil
	}
	return s.owned[len(s.owned)-1]
}

func start(h *logtest.Log, s *taken, change func(*Config)) (stop func() error) {
	s.handled = map[topology.TopicPartition]bool{}
	cfg := Config{
		Cluster: h.Cluster, Plan: h.Plan, Name: "view", Topics: []string{wiretest.Commands}, SessionTimeout: 2 * time.Second, Log: wiretest.Log(h.T),
		MaxBatch: 50,
		Owned: func(list []topology.TopicPartition) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.owned = append(s.owned, list)
			s.handled = map[topology.TopicPartition]bool{}
			for _, tp := range list {
				s.handled[tp] = true
			}
		},
		Handle: func(_ context.Context, topic string, partition int32, batch []topology.Record) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.handled[topology.TopicPartition{Topic: topic, Partition: partition}] {
				s.strange = append(s.strange, fmt.Sprintf("%s/%d handled before it was owned", topic, partition))
			}
			if len(batch) > 50 {
				s.strange = append(s.strange, fmt.Sprintf("a batch of %d", len(batch)))
			}
			s.records = append(s.records, batch...)
			return nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case err = <-ended:
			case <-time.After(wiretest.Timeout):
				err = errors.New("the follower did not end")
			}
		})
		return err
	}
	h.T.Cleanup(func() { stop() })
	return stop
}

func (s *taken) inOrder(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.strange)
	require.Len(t, s.records, n)
	next := map[int32]int64{}
	for _, r := range s.records {
		require.Equal(t, next[r.Partition], r.Offset)
		next[r.Partition]++
	}
}

func TestFollowerHandlesAllInOrderAndGoesOnAtItsCommit(t *testing.T) {
	h := logtest.New(t, 4)
	h.Send(1000, 30)
	var s taken
	stop := start(h, &s, nil)
	h.Await("all", func() bool { return s.count() == 1000 })
	require.NoError(t, stop())
	s.inOrder(t, 1000)
	h.Send(500, 30)
	stop = start(h, &s, nil)
	h.Await("the rest", func() bool { return s.count() >= 1500 })
	require.NoError(t, stop())
	s.inOrder(t, 1500)
}

func TestABusyFollowerWaitsForMore(t *testing.T) {
	cfg := Config{MaxBatch: 10, Linger: time.Millisecond, MaxLinger: 100 * time.Millisecond}
	for last, want := range map[int]time.Duration{0: 0, 1: 0, 2: time.Millisecond, 60: 59 * time.Millisecond, 500: 100 * time.Millisecond} {
		require.Equal(t, want, cfg.linger(last), "after %d", last)
	}
	require.Zero(t, Config{}.linger(500), "nobody asked for it")

	p := newPartition(nil, topology.TopicPartition{Topic: wiretest.Commands, Partition: 0}, &cfg, newMetrics(nil, "test"), nil)
	push := func(n int) { p.Push(slices.Repeat([]*kgo.Record{{Topic: wiretest.Commands}}, n)) }
	push(3)
	batch, ok := p.next(t.Context(), 0)
	require.True(t, ok)
	require.Len(t, batch, 3, "takes what is there")
	push(3)
	taken := make(chan int)
	go func() {
		batch, _ := p.next(t.Context(), time.Hour)
		taken <- len(batch)
	}()
	push(6)
	select {
	case <-taken:
		t.Fatal("it waits for more")
	case <-time.After(50 * time.Millisecond):
	}
	push(1)
	require.Equal(t, 10, <-taken, "a full batch waits for nothing")
}

func TestFollowerRepeatsTheSameBatchUntilItIsTaken(t *testing.T) {
	h := logtest.New(t, 2)
	h.Send(200, 10)
	var s taken
	failures := 0
	stop := start(h, &s, func(c *Config) {
		take := c.Handle
		c.Handle = func(ctx context.Context, topic string, partition int32, batch []topology.Record) error {
			s.mu.Lock()
			refuse := partition == 1 && failures < 3
			if refuse {
				failures++
			}
			s.mu.Unlock()
			if refuse {
				return errors.New("not now")
			}
			return take(ctx, topic, partition, batch)
		}
	})
	h.Await("all", func() bool { return s.count() == 200 })
	require.NoError(t, stop())
	require.Equal(t, 3, failures)
	s.inOrder(t, 200)
}

func TestSlowHandlerPausesItsPartitionAlone(t *testing.T) {
	h := logtest.New(t, 2)
	h.Send(6000, 10)
	var s taken
	gate := make(chan struct{})
	stop := start(h, &s, func(c *Config) {
		take := c.Handle
		c.Handle = func(ctx context.Context, topic string, partition int32, batch []topology.Record) error {
			if partition == 0 {
				select {
				case <-gate:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return take(ctx, topic, partition, batch)
		}
	})
	of := func(p int32) (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range s.records {
			if r.Partition == p {
				n++
			}
		}
		return n
	}
	total := map[int32]int{}
	for _, r := range h.Read(wiretest.Commands) {
		total[r.Partition]++
	}
	h.Await("partition 1", func() bool { return of(1) == total[1] })
	require.Zero(t, of(0))
	close(gate)
	h.Await("partition 0", func() bool { return of(0) == total[0] })
	require.NoError(t, stop())
	s.inOrder(t, 6000)
}

func TestNewestSeesWhatIsProducedAfterOwned(t *testing.T) {
	h := logtest.New(t, 4)
	h.Send(100, 10)
	var s taken
	stop := start(h, &s, func(c *Config) { c.Newest = true })
	h.Await("owned", func() bool { return len(s.last()) == 4 })
	h.Send(100, 10)
	h.Await("all that came after", func() bool { return s.count() >= 100 })
	require.NoError(t, stop())
	require.Equal(t, 100, s.count())
}

func TestFollowersShareWithoutStoppingTheWorld(t *testing.T) {
	h := logtest.New(t, 4)
	var one, two taken
	start(h, &one, nil)
	h.Await("one has all", func() bool { return len(one.last()) == 4 })
	stop := start(h, &two, nil)
	h.Await("they share", func() bool { return len(one.last()) == 2 && len(two.last()) == 2 })
	h.Send(400, 40)
	h.Await("all", func() bool { return one.count()+two.count() >= 400 })
	require.NoError(t, stop())
	h.Await("one has all again", func() bool { return len(one.last()) == 4 })
	h.Send(100, 40)
	h.Await("all", func() bool { return one.count()+two.count() >= 500 })
	require.Empty(t, one.strange)
	require.Empty(t, two.strange)
}

func TestFollowerBelowTheLogStops(t *testing.T) {
	h := logtest.New(t, 2)
	h.Send(100, 10)
	var s taken
	stop := start(h, &s, nil)
	h.Await("all", func() bool { return s.count() == 100 })
	require.NoError(t, stop())
	h.Send(100, 10)
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Cluster.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(t.Context(), wiretest.Commands)
	require.NoError(t, err)
	_, err = admin.DeleteRecords(t.Context(), ends.Offsets())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), wiretest.Timeout)
	defer cancel()
	err = Run(ctx, Config{
		Cluster: h.Cluster, Plan: h.Plan, Name: "view", Topics: []string{wiretest.Commands},
		Handle: func(context.Context, string, int32, []topology.Record) error { return nil },
	})
	require.ErrorIs(t, err, cluster.ErrAlarm)
}

func TestFollowerNeedsItsTopics(t *testing.T) {
	h := logtest.New(t, 2)
	err := Run(t.Context(), Config{Cluster: h.Cluster, Plan: h.Plan, Name: "view", Topics: []string{"nowhere.events"}})
	require.ErrorIs(t, err, cluster.ErrTopicMissing)
}

// Rounds of the sender: a partition whose leader is slow holds back nobody else, and keeps its own order.

package produce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// answers keeps what a sender answered.
type answers struct {
	mu     sync.Mutex
	acked  map[int32][]string
	failed []string
}

func (a *answers) handlers() Handlers[*Record] {
	a.acked = map[int32][]string{}
	return Handlers[*Record]{
		Acked: func(s *Record, _ int64) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.acked[s.Partition] = append(a.acked[s.Partition], s.Key)
		},
		Failed: func(s *Record, _ error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.failed = append(a.failed, s.Key)
		},
	}
}

func (a *answers) count(partition int32) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.acked[partition])
}

// await polls on the test's own goroutine.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(wiretest.Timeout); !condition(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "waited in vain for %s", what)
	}
}

const slowTopic = "slow"

// Partitions of twoLeaders.
const (
	slow  int32 = 0
	quick int32 = 1
)

// twoLeaders is a Kafka of two brokers with a topic, a partition of which each of them leads.
func twoLeaders(t *testing.T) *kfake.Cluster {
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, slowTopic))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	require.NoError(t, k.MoveTopicPartition(slowTopic, slow, 0))
	require.NoError(t, k.MoveTopicPartition(slowTopic, quick, 1))
	return k
}

func TestSlowLeaderHoldsBackNobodyElse(t *testing.T) {
	k := twoLeaders(t)
	var hold, cut atomic.Bool
	hold.Store(true)
	leader := k.LeaderFor(slowTopic, slow)
	k.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		if hold.Load() && k.CurrentNode() == leader {
			k.SleepControl(func() {
				for hold.Load() {
					time.Sleep(time.Millisecond)
				}
			})
			if cut.CompareAndSwap(false, true) {
				return nil, errors.New("the connection is cut"), true // what was sent is sent again
			}
		}
		return nil, nil, false
	})
	c := cluster.Config{Brokers: k.ListenAddrs()}
	var a answers
	f, err := NewSender(c, "test", wiretest.Log(t), a.handlers())
	require.NoError(t, err)
	send := func(partition int32, i int) {
		require.NoError(t, f.Send(&Record{Topic: slowTopic, Partition: partition, Key: fmt.Sprint(i)}))
	}
	const n = 20
	for i := range n {
		send(slow, i)
		send(quick, i)
		await(t, "the quick one", func() bool { return a.count(quick) > i })
	}
	require.Zero(t, a.count(slow))
	hold.Store(false)
	await(t, "the slow one", func() bool { return a.count(slow) == n })
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	require.Equal(t, want, a.acked[slow])
	f.Close()
	require.Empty(t, a.failed)
	require.Equal(t, map[int32][]string{slow: want, quick: want}, keysIn(t, k, 2*n), "no round used the room of one that was still on its way")
}

// keysIn are the keys of so many records, as they stand in the log.
func keysIn(t *testing.T, k *kfake.Cluster, n int) map[int32][]string {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics(slowTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), wiretest.Timeout)
	defer cancel()
	keys := map[int32][]string{}
	for n > 0 {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			keys[r.Partition] = append(keys[r.Partition], string(r.Key))
			n--
		})
	}
	return keys
}

func TestPurgeAnswersEverything(t *testing.T) {
	k := twoLeaders(t)
	c := cluster.Config{Brokers: k.ListenAddrs()}
	k.Close() // nobody answers
	var a answers
	f, err := NewSender(c, "test", wiretest.Log(t), a.handlers())
	require.NoError(t, err)
	const n = 100
	for i := range n {
		require.NoError(t, f.Send(&Record{Topic: slowTopic, Partition: []int32{slow, quick}[i%2], Key: fmt.Sprint(i)}))
	}
	f.Purge()
	f.Close()
	require.Len(t, a.failed, n)
	require.Error(t, f.Send(&Record{Topic: slowTopic}))
}

func TestARoundRestsByItsSize(t *testing.T) {
	require.Zero(t, restAfter(restFree))
	require.Equal(t, 2*restPerRecord, restAfter(restFree+2))
	require.Equal(t, maxRest, restAfter(10_000))
}

func TestARoundWaitsForWhatIsFetched(t *testing.T) {
	var more atomic.Bool
	f := &Sender[*Record]{handlers: Handlers[*Record]{More: more.Load}, since: time.Now(), rest: time.Now().Add(time.Hour)}
	require.Zero(t, f.hold(), "everything that was fetched is folded")
	more.Store(true)
	require.Positive(t, f.hold(), "more comes at once")
	require.LessOrEqual(t, f.hold(), maxHold)
	f.since = f.since.Add(-maxHold)
	require.LessOrEqual(t, f.hold(), time.Duration(0), "but the first has waited for long")
	f.handlers.More = nil
	require.Greater(t, f.hold(), time.Minute, "who knows nothing rests")
}

func TestAHeldRoundLeaves(t *testing.T) {
	k := twoLeaders(t)
	c := cluster.Config{Brokers: k.ListenAddrs()}
	var a answers
	handlers := a.handlers()
	handlers.More = func() bool { return true } // a fold that stands still
	f, err := NewSender(c, "test", wiretest.Log(t), handlers)
	require.NoError(t, err)
	require.NoError(t, f.Send(&Record{Topic: slowTopic, Partition: quick, Key: "1"}))
	await(t, "the record", func() bool { return a.count(quick) == 1 })
	f.Close()
	require.Empty(t, a.failed)
}

func TestTheCauseStandsBeforeOtherHeaders(t *testing.T) {
	cause := topology.Cause{Epoch: 1, Group: 2, Partition: 3, Offset: 4, Index: 5}
	var b buffer
	headers := fill(&b, []*Record{{Cause: cause.Pack(), Headers: []topology.Header{
		{Key: topology.HeaderCorrelation, Value: []byte{4}}, {Key: topology.HeaderLane, Value: []byte{1}}, {Key: topology.HeaderTrace, Value: []byte{3}},
	}}})[0].Headers
	require.ElementsMatch(t, []kgo.RecordHeader{
		{Key: topology.HeaderCause, Value: cause.Pack()}, {Key: topology.HeaderCorrelation, Value: []byte{4}},
		{Key: topology.HeaderLane, Value: []byte{1}}, {Key: topology.HeaderTrace, Value: []byte{3}},
	}, headers)
	require.True(t, slices.IsSortedFunc(headers, func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) }))
}

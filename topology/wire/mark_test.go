// Marks: takeovers that count and those that do not, and inputs that one owner's machine panics at.

package wire

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

func (t *storeTest) ranked(s *partitionStore, key string, offset int64, r rank) {
	t.Helper()
	require.NoError(t, s.fold(changelogRecord{key: takeoverPrefix + key, value: []byte("x"), offset: offset, takeover: true, rank: r}))
}

func (t *storeTest) skip(s *partitionStore, key string, input, offset, generation int64) {
	t.Helper()
	require.NoError(t, s.fold(changelogRecord{
		key: skipPrefix + key, value: []byte("x"), offset: offset, generation: generation, takeover: true, skip: skip{input: input, detail: "oh"},
	}))
}

func TestTakeoverThatLandsLateIsVoid(t *testing.T) {
	x := newStoreTest(t)
	s := x.open(0)
	x.ranked(s, "first", 0, rank{0, 1})
	x.ranked(s, "third", 1, rank{0, 3})
	x.ranked(s, "second", 2, rank{0, 2})
	require.Equal(t, []int64{0, 1}, s.walls)
	x.fold(s, "ann", row(5, "a"), 3, 1)
	require.Empty(t, x.suspects(s), "the second's takeover is void")
	x.fold(s, "bob", row(5, "b"), 4, 0)
	require.Len(t, x.suspects(s), 1, "the third's is not")
	s = x.reopen(0)
	require.Equal(t, []int64{0, 1}, s.walls)
	x.ranked(s, "anew", 5, rank{0, 1})
	require.False(t, s.counts(5), "the group was deleted: its generations begin anew")
	require.Equal(t, rank{1, 1}, s.nextRank(1, true))
	require.Equal(t, rank{1, 3}, s.nextRank(3, false), "a process that joined again under its name")
	require.Equal(t, rank{0, 4}, s.nextRank(4, false))
	x.ranked(s, "era", 6, rank{1, 1})
	require.Equal(t, []int64{0, 1, 6}, s.walls)
	x.ranked(s, "of an older binary", 7, rank{})
	require.Equal(t, []int64{0, 1, 6, 7}, s.walls, "it says no rank, so it counts")
	require.Equal(t, []string{"anew", "second", "era", "first", "third"}, names(s.retire(7, 0)), "what is void goes first")
}

func names(keys []string) (list []string) {
	for _, key := range keys {
		list = append(list, strings.TrimPrefix(strings.TrimPrefix(key, skipPrefix), takeoverPrefix))
	}
	return list
}

func TestSkipsAreKeptAndThoseOfStaleOwnersAreVoid(t *testing.T) {
	x := newStoreTest(t)
	s := x.open(0)
	x.ranked(s, "first", 0, rank{0, 1})
	x.skip(s, "7/first", 7, 1, 0)
	x.ranked(s, "second", 2, rank{0, 2})
	x.skip(s, "9/first", 9, 3, 0)
	for range 2 {
		require.Equal(t, "oh", s.skippedAt(7))
		require.Empty(t, s.skippedAt(8))
		require.Empty(t, s.skippedAt(9), "its owner was stale")
		require.Equal(t, []string{"9/first", "first"}, names(s.retire(2, 7)), "7 may be folded again")
		require.Equal(t, []string{"7/first", "9/first", "first"}, names(s.retire(2, 8)), "7 is deleted")
		s = x.reopen(0)
	}
	require.NoError(t, s.fold(changelogRecord{key: skipPrefix + "7/first", offset: 4, takeover: true}))
	require.Empty(t, s.skippedAt(7))
	require.Zero(t, s.skipCount())
}

// flawed is a machine that folds, and one build of it panics at every input of a key.
func flawed(panics bool) topology.Machine {
	m := wiretest.Counter()
	fold := m.Fold
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		detail := in.Panic
		if panics && in.Key == flawedKey {
			detail = "oh"
		}
		if detail == "" {
			return fold(rules, row, in)
		}
		poison := *in
		poison.Value = nil
		next, out := fold(rules, row, &poison)
		if next != nil {
			out = []topology.Output{{Topic: topology.DeadLetters, Key: in.Key, Value: []byte(detail)}}
			if in.Panic == "" {
				out[0].Panic = detail
			}
		}
		return next, out
	}
	return m
}

const flawedKey = "bomb/x"

func (h *house) bomb() {
	h.t.Helper()
	done := make(chan error, 1)
	require.NoError(h.t, h.emitter.Emit(wiretest.Commands, flawedKey, []byte("boom"), nil, func(_ produce.Position, err error) { done <- err }))
	require.NoError(h.t, <-done)
}

// said counts what is said because of the bomb.
func (h *house) said() (events, letters int) {
	for _, r := range h.read(wiretest.Events) {
		if r.Key == flawedKey {
			events++
		}
	}
	return events, len(h.read(topology.DeadLetters))
}

func TestPanicIsOnRecordBeforeItsLetter(t *testing.T) {
	plan := wiretest.Plan(1, 1)
	k := wiretest.Kafka(t, plan)
	h := joinHouse(t, plan, k.ListenAddrs())
	run := func(panics bool) *runner {
		cfg := h.config(t.TempDir())
		cfg.Machine = flawed(panics)
		r := start(t, cfg)
		r.awaitReady(t)
		return r
	}
	var on atomic.Bool
	on.Store(true)
	refuse(k, topology.DeadLetters, kerr.MessageTooLarge, &on)
	r := run(true)
	h.bomb()
	require.Error(t, r.wait(t), "it dies before its letter is there")
	on.Store(false)
	events, letters := h.said()
	require.Zero(t, events+letters)
	r = run(false)
	h.await("the letter", func() bool { _, letters = h.said(); return letters == 1 })
	events, _ = h.said()
	require.Zero(t, events, "what is skipped is skipped by all")
	h.bomb()
	h.await("the next one's event", func() bool { events, letters = h.said(); return events == 1 })
	require.Equal(t, 1, letters, "it does not panic itself")
	require.NoError(t, r.stop(t))
	for _, r := range h.read(plan.Table(wiretest.GroupOf)) {
		if strings.HasPrefix(r.Key, skipPrefix) {
			require.True(t, IsTakeover(&r), "it is no row")
		}
	}
}

func TestPanicOfAnOwnerThatMayBeStaleIsNotSaid(t *testing.T) {
	h := newHouse(t, 1)
	run := func(panics bool) *runner {
		cfg := h.config(t.TempDir())
		cfg.Machine = flawed(panics)
		r := start(t, cfg)
		r.awaitReady(t)
		return r
	}
	r := run(true)
	h.succeed(rank{0, 1000})
	h.bomb()
	require.Error(t, r.wait(t), "a successor may fold the input")
	events, letters := h.said()
	require.Zero(t, events+letters)
	r = run(false)
	h.await("the event", func() bool { events, letters = h.said(); return events == 1 })
	require.Zero(t, letters)
	require.NoError(t, r.stop(t))
}

// succeed appends a takeover of some rank to the changelog, with all that the first one says otherwise.
func (h *house) succeed(said rank) {
	h.t.Helper()
	var first *topology.Record
	for _, r := range h.read(h.plan.Table(wiretest.GroupOf)) {
		if first == nil && IsTakeover(&r) && r.Value != nil {
			first = &r
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(h.cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(h.t, err)
	defer client.Close()
	key := takeoverPrefix + "other" + string(binary.BigEndian.AppendUint32(nil, said.generation))
	r := &kgo.Record{Topic: first.Topic, Partition: first.Partition, Key: []byte(key), Value: first.Value,
		Headers: []kgo.RecordHeader{{Key: headerTakeover, Value: said.pack()}}}
	require.NoError(h.t, client.ProduceSync(h.t.Context(), r).FirstErr())
}

// The local store: what is on disk when, suspects, and the frozen offset.

package store

import (
	"encoding/binary"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// row is a row with a through and a name to tell it by.
func row(through int64, name string) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(through))
	return protowire.AppendString(protowire.AppendTag(b, 4, protowire.BytesType), name)
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})).With("test", t.Name())
}

type fixture struct {
	*testing.T
	table *Store
	dir   string
}

func newFixture(t *testing.T) *fixture {
	s := &fixture{T: t, dir: t.TempDir()}
	s.openTable()
	t.Cleanup(func() { s.table.Close() })
	return s
}

func (t *fixture) openTable() {
	var err error
	t.table, err = Open(t.dir, testLog(t), func(err error) { t.Error(err) })
	require.NoError(t, err)
}

func (t *fixture) open(partition int32) *Partition {
	s, err := t.table.OpenPartition(partition, counters())
	require.NoError(t, err)
	return s
}

// reopen is a restart of the process.
func (t *fixture) reopen(partition int32) *Partition {
	require.NoError(t, t.table.Close())
	t.openTable()
	return t.open(partition)
}

func (t *fixture) has(s *Partition, key string, want []byte) {
	t.Helper()
	got, err := s.Get(key)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func (t *fixture) fold(s *Partition, key string, value []byte, offset, generation int64) {
	t.Helper()
	require.NoError(t, s.Fold(&law.Record{Key: key, Value: value, Offset: offset, Generation: generation}))
}

func (t *fixture) takeover(s *Partition, key string, offset int64) {
	t.Helper()
	require.NoError(t, s.Fold(&law.Record{Key: key, Value: []byte("x"), Offset: offset, Mark: true}))
}

// suspects are the suspect keys as they are on disk, with the through of the row that is kept.
func (t *fixture) suspects(s *Partition) map[string]int64 {
	t.Helper()
	require.NoError(t, s.Flush())
	list := map[string]int64{}
	require.NoError(t, t.table.each(s.partition, law.SuspectEntry, func(key string, _ []byte) { list[key] = 0 }))
	for key := range list {
		row, err := s.Get(key)
		require.NoError(t, err)
		list[key], err = topology.Through(row)
		require.NoError(t, err)
	}
	var taken law.Takeover
	_, err := s.Choose(&taken, 1<<40, law.Bounds{End: 1 << 40})
	require.NoError(t, err)
	require.Equal(t, slices.Sorted(maps.Keys(list)), slices.Sorted(maps.Keys(taken.Suspects)), "the disk says what the view does")
	return list
}

// livingTakeovers are the takeovers as they are on disk, by key.
func (t *fixture) livingTakeovers(s *Partition) map[string]int64 {
	t.Helper()
	require.NoError(t, s.Flush())
	list := map[string]int64{}
	require.NoError(t, t.table.each(s.partition, law.TakeoverEntry, func(key string, value []byte) {
		list[key] = int64(binary.BigEndian.Uint64(value))
	}))
	require.Len(t, list, s.view.Takeovers())
	return list
}

// record is a row's changelog record.
type record struct {
	key     string
	row     []byte
	receipt Receipt
}

// set is a fold that sets a row, and its changelog record.
func (t *fixture) set(s *Partition, key string, row []byte) record {
	require.NoError(t.T, s.Set(key, row))
	receipt, err := s.Ship(key)
	require.NoError(t.T, err)
	return record{key, row, receipt}
}

func (t *fixture) acked(s *Partition, r record, offset int64) {
	t.Helper()
	require.NoError(t.T, s.AckRow(r.key, r.row, r.receipt, offset))
}

func counters() Metrics {
	counter := func() prometheus.Counter { return prometheus.NewCounter(prometheus.CounterOpts{Name: "c"}) }
	return Metrics{Refused: counter(), Tainted: counter(), Foreign: counter()}
}

func TestRowReachesDiskWhenItsRecordIsAcked(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	first := x.set(s, "ann", row(1, "first"))
	x.set(s, "bob", row(2, "second"))
	x.has(s, "ann", row(1, "first"))
	x.acked(s, first, 0)
	s = x.reopen(0)
	x.has(s, "ann", row(1, "first"))
	x.has(s, "bob", nil)
	require.EqualValues(t, 1, s.Position())
	last, err := s.GetOffset(-7)
	require.NoError(t, err)
	require.EqualValues(t, 0, last, "also offset 0, which goka never tells")
}

func TestNewerUnackedRowStaysVisibleWhenAnOlderIsFlushed(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	first := x.set(s, "ann", row(1, "first"))
	x.set(s, "ann", row(2, "second"))
	x.acked(s, first, 0)
	require.NoError(t, s.Flush())
	x.has(s, "ann", row(2, "second"))
}

func TestRowThatStandsForOlderOnesIsCountedOnce(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	first, second := x.set(s, "ann", row(1, "first")), x.set(s, "ann", row(2, "second"))
	second.receipt.Supersedes(first.receipt)
	x.acked(s, second, 0)
	require.EqualValues(t, 1, s.Census().Rows, "the key had no row before the older one")
	s = x.reopen(0)
	x.has(s, "ann", row(2, "second"))
}

func TestRecordOfAnotherRowIsABug(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	require.NoError(t, s.Set("ann", row(1, "first")))
	_, err := s.Ship("bob")
	require.Error(t, err)
}

func TestSavedOffsetStopsAtAForeignRecord(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	for i, offset := range []int64{0, 1, 3, 4} { // 2 is somebody else's
		x.acked(s, x.set(s, "ann", row(int64(i+1), "x")), offset)
	}
	require.EqualValues(t, 5, s.Position())
	s = x.reopen(0)
	require.EqualValues(t, 2, s.Position(), "2 is read again")
	x.has(s, "ann", row(4, "x"))
}

func TestHighestThroughWins(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	x.fold(s, "ann", row(10, "better"), 0, law.NoGeneration)
	x.fold(s, "ann", row(9, "stale"), 1, law.NoGeneration)
	x.has(s, "ann", row(10, "better"))
	x.fold(s, "ann", row(10, "same"), 2, law.NoGeneration)
	x.has(s, "ann", row(10, "same"))
	require.Error(t, s.Fold(&law.Record{Key: "ann", Value: []byte{0xff}, Offset: 3}), "no row")
}

func TestSuspectsAreKeysWhoseLastRecordIsTainted(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	x.takeover(s, "t0", 0)
	x.fold(s, "ann", row(5, "a"), 1, 0)
	x.fold(s, "bob", row(6, "b"), 2, 0)
	x.takeover(s, "t3", 3)
	require.Empty(t, x.suspects(s), "before the takeover all was well")
	x.fold(s, "ann", row(4, "late"), 4, 0) // the first owner wrote after the second took over
	require.Equal(t, map[string]int64{"ann": 5}, x.suspects(s), "known up to the best row")
	x.fold(s, "bob", row(7, "b"), 5, 3)
	require.Len(t, x.suspects(s), 1)
	s = x.reopen(0)
	require.Equal(t, map[string]int64{"ann": 5}, x.suspects(s), "suspects are kept with the offset")
	require.Equal(t, map[string]int64{"t0": 0, "t3": 3}, x.livingTakeovers(s))
	x.fold(s, "ann", row(8, "again"), 6, 3)
	require.Empty(t, x.suspects(s), "its last record is sound again")
	require.NoError(t, s.Fold(&law.Record{Key: "t0", Offset: 7, Mark: true}))
	require.Equal(t, map[string]int64{"t3": 3}, x.livingTakeovers(s))
}

// A stale owner may be faster than its successor: its better row is kept, but the log ends with the worse one, which alone
// is left after compaction.
func TestKeyIsSuspectWhileTheLogEndsBehindItsBestRow(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	x.takeover(s, "t0", 0)
	x.takeover(s, "t1", 1)
	x.fold(s, "ann", row(9, "fast"), 2, 0) // stale
	x.fold(s, "ann", row(7, "slow"), 3, 1) // its successor
	x.has(s, "ann", row(9, "fast"))
	require.Equal(t, map[string]int64{"ann": 9}, x.suspects(s), "to be written again")
	s = x.reopen(0)
	require.Equal(t, map[string]int64{"ann": 9}, x.suspects(s))
	x.fold(s, "ann", row(9, "caught up"), 4, 1)
	require.Empty(t, x.suspects(s))
	// The stale owner comes back with a store that has its own rows, and an offset before its successor's.
	x.acked(s, x.set(s, "bob", row(5, "own")), 6) // 5 is foreign
	s = x.reopen(0)
	x.fold(s, "bob", row(4, "slow"), 7, 1)
	x.has(s, "bob", row(5, "own"))
	require.Equal(t, map[string]int64{"bob": 5}, x.suspects(s))
}

func TestFrozenStoreForgetsNoSuspectAndNoTakeover(t *testing.T) {
	x := newFixture(t)
	s := x.open(0)
	x.takeover(s, "t0", 0)
	x.takeover(s, "t1", 1)
	x.fold(s, "ann", row(5, "late"), 2, 0)
	x.acked(s, x.set(s, "ann", row(6, "x")), 9) // foreign records stand between
	require.NoError(t, s.AckMark("t0", nil, law.TombstoneHeaders(), 10))
	s = x.reopen(0)
	require.Contains(t, x.suspects(s), "ann")
	require.Contains(t, x.livingTakeovers(s), "t0")
}

func TestWipeLeavesOtherPartitions(t *testing.T) {
	x := newFixture(t)
	for _, p := range []int32{0, 1, 2} {
		s := x.open(p)
		x.fold(s, "ann", row(1, "x"), 0, law.NoGeneration)
		require.NoError(t, s.Close())
	}
	require.NoError(t, x.table.Wipe(1))
	for _, p := range []int32{0, 2} {
		x.has(x.open(p), "ann", row(1, "x"))
	}
	s := x.open(1)
	x.has(s, "ann", nil)
	require.Zero(t, s.Position())
}

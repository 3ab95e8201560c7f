// The view of a changelog: suspects, takeovers that count, skips, and what a new owner decides by them.

package law

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
)

// memory is a disk that keeps everything at once.
type memory struct {
	entries map[Entry]map[string][]byte
	v       *View
}

func newMemory() *memory {
	return &memory{entries: map[Entry]map[string][]byte{RowEntry: {}, SuspectEntry: {}, TakeoverEntry: {}, SkipEntry: {}}}
}

func (d *memory) Row(key string) ([]byte, error) { return d.entries[RowEntry][key], nil }

func (d *memory) Each(of Entry, fn func(key string, value []byte)) error {
	for key, value := range d.entries[of] {
		fn(key, value)
	}
	return nil
}

func (d *memory) Write(of Entry, key string, value []byte) {
	if value == nil {
		delete(d.entries[of], key)
		return
	}
	d.entries[of][key] = value
}

// open is a start of the process.
func (d *memory) open() *View {
	var next int64
	var census Census
	if d.v != nil {
		next, census = d.v.Saved(), d.v.Census()
	}
	d.v, _ = OpenView(d, next, census, Broken{})
	return d.v
}

func row(t *testing.T, through int64) []byte {
	b, err := topology.WithThrough(nil, through)
	require.NoError(t, err)
	return b
}

func fold(t *testing.T, v *View, r Record) Folded {
	t.Helper()
	f, err := v.Fold(&r)
	require.NoError(t, err)
	return f
}

func ranked(t *testing.T, v *View, key string, offset int64, r Rank) {
	t.Helper()
	fold(t, v, Record{Key: TakeoverKey(key), Value: []byte("x"), Offset: offset, Mark: true, Rank: r})
}

func skipped(t *testing.T, v *View, owner string, input, offset, generation int64) {
	t.Helper()
	fold(t, v, Record{
		Key: SkipKey(input, owner), Value: []byte("x"), Offset: offset, Generation: generation, Mark: true, Skip: Skip{Input: input, Detail: "oh"},
	})
}

func TestTakeoverThatLandsLateIsVoid(t *testing.T) {
	d := newMemory()
	v := d.open()
	ranked(t, v, "first", 0, Rank{0, 1})
	ranked(t, v, "third", 1, Rank{0, 3})
	ranked(t, v, "second", 2, Rank{0, 2})
	require.Equal(t, []int64{0, 1}, v.walls)
	fold(t, v, Record{Key: "ann", Value: row(t, 5), Offset: 3, Generation: 1})
	require.Empty(t, v.suspects, "the second's takeover is void")
	fold(t, v, Record{Key: "bob", Value: row(t, 5), Offset: 4, Generation: 0})
	require.Len(t, v.suspects, 1, "the third's is not")
	v = d.open()
	require.Equal(t, []int64{0, 1}, v.walls)
	ranked(t, v, "anew", 5, Rank{0, 1})
	require.False(t, v.counts(5), "the group was deleted: its generations begin anew")
	require.Equal(t, Rank{1, 1}, nextRank(v.takeovers, 1, true))
	require.Equal(t, Rank{1, 3}, nextRank(v.takeovers, 3, false), "a process that joined again under its name")
	require.Equal(t, Rank{0, 4}, nextRank(v.takeovers, 4, false))
	ranked(t, v, "era", 6, Rank{1, 1})
	require.Equal(t, []int64{0, 1, 6}, v.walls)
	ranked(t, v, "of an older binary", 7, Rank{})
	require.Equal(t, []int64{0, 1, 6, 7}, v.walls, "it says no rank, so it counts")
	require.Equal(t, []string{"anew", "second", "era", "first", "third"}, names(v.retire(7, 0)), "what is void goes first")
}

func names(keys []string) (list []string) {
	for _, key := range keys {
		list = append(list, strings.TrimPrefix(strings.TrimPrefix(key, skipPrefix), takeoverPrefix))
	}
	return list
}

func TestSkipsAreKeptAndThoseOfStaleOwnersAreVoid(t *testing.T) {
	d := newMemory()
	v := d.open()
	ranked(t, v, "first", 0, Rank{0, 1})
	skipped(t, v, "first", 7, 1, 0)
	ranked(t, v, "second", 2, Rank{0, 2})
	skipped(t, v, "first", 9, 3, 0)
	for range 2 {
		require.Equal(t, "oh", v.SkippedAt(7))
		require.Empty(t, v.SkippedAt(8))
		require.Empty(t, v.SkippedAt(9), "its owner was stale")
		require.Equal(t, []string{"9/first", "first"}, names(v.retire(2, 7)), "7 may be folded again")
		require.Equal(t, []string{"7/first", "9/first", "first"}, names(v.retire(2, 8)), "7 is deleted")
		v = d.open()
	}
	fold(t, v, Record{Key: SkipKey(7, "first"), Offset: 4, Mark: true})
	require.Empty(t, v.SkippedAt(7))
	require.Zero(t, v.SkipCount())
}

func TestRecordsAreReadAsTheyAreWritten(t *testing.T) {
	read := func(key string, value []byte, headers []topology.Header) Record {
		in := topology.Record{Headers: headers}
		r, err := ReadRecord(key, value, 7, func(name string) ([]byte, bool) {
			for _, h := range in.Headers {
				if h.Key == name {
					return h.Value, true
				}
			}
			return nil, false
		})
		require.NoError(t, err)
		return r
	}
	value := MarkValue("nonce", "id", "me")
	id, err := InputOf(value)
	require.NoError(t, err)
	require.Equal(t, "id", id)
	require.Equal(t, Record{Key: "ann", Value: []byte("v"), Offset: 7, Generation: 3}, read("ann", []byte("v"), RowHeaders(3)))
	require.Equal(t, Record{Key: "ann", Value: []byte("v"), Offset: 7, Generation: NoGeneration}, read("ann", []byte("v"), nil))
	require.Equal(t, Record{Key: TakeoverKey("n"), Value: value, Offset: 7, Generation: NoGeneration, Mark: true, Rank: Rank{1, 2}},
		read(TakeoverKey("n"), value, TakeoverHeaders(Rank{1, 2})))
	require.Equal(t, Record{Key: SkipKey(9, "n"), Value: value, Offset: 7, Generation: 3, Mark: true, Skip: Skip{Input: 9, Detail: "oh"}},
		read(SkipKey(9, "n"), value, SkipHeaders(3, 9, "oh")))
	require.Equal(t, Record{Key: SkipKey(9, "n"), Offset: 7, Generation: NoGeneration, Mark: true}, read(SkipKey(9, "n"), nil, TombstoneHeaders()))
	_, err = ReadRecord(SkipKey(9, "n"), value, 7, func(string) ([]byte, bool) { return []byte("x"), true })
	require.Error(t, err, "it does not say which input")
	_, err = InputOf([]byte("2 nonce id"))
	require.Error(t, err)
}

func TestOwnerBeginsWhereTheLeastSuspectIsKnown(t *testing.T) {
	d := newMemory()
	v := d.open()
	ranked(t, v, "first", 0, Rank{0, 1})
	for i, key := range []string{"ann", "bob", "cid"} {
		fold(t, v, Record{Key: key, Value: row(t, int64(10*(i+1))), Offset: int64(i + 1), Generation: 0})
	}
	var taken Takeover
	taken.Announce(v, 2)
	require.Equal(t, Rank{0, 2}, taken.Rank)
	ranked(t, v, "second", 4, taken.Rank)
	taken.Generation = 4
	require.True(t, fold(t, v, Record{Key: "bob", Value: row(t, 20), Offset: 5, Generation: 0}).Tainted)
	require.Equal(t, Folded{Behind: true}, fold(t, v, Record{Key: "cid", Value: row(t, 29), Offset: 6, Generation: 4}))
	found, err := taken.Choose(v, 25, Bounds{Oldest: 5, End: 40})
	require.NoError(t, err)
	require.Equal(t, Sound, found)
	require.EqualValues(t, 20, taken.Target)
	require.False(t, taken.Outranked || taken.Refolds || taken.AtCommit())
	require.False(t, taken.Folded(20, "bob", true))
	require.True(t, taken.Folded(24, "ann", false), "the old commit is reached")
	suspects, retire := taken.Settle()
	require.Equal(t, []string{"cid"}, suspects)
	require.Equal(t, []string{"first"}, names(retire))
	require.False(t, taken.Folded(25, "ann", true), "once")
	for _, c := range []struct{ known, verified, want int64 }{{30, 25, 30}, {20, 25, 25}} {
		again, err := Rewritten(row(t, c.known), c.verified)
		require.NoError(t, err)
		require.Equal(t, row(t, c.want), again)
	}
}

func TestOwnerStopsWhenSomethingIsMissing(t *testing.T) {
	d := newMemory()
	v := d.open()
	ranked(t, v, "first", 0, Rank{0, 1})
	fold(t, v, Record{Key: "ann", Value: row(t, 20), Offset: 1, Generation: 0})
	ranked(t, v, "second", 2, Rank{0, 2})
	for name, c := range map[string]struct {
		committed int64
		rows      int64
		input     Bounds
		want      Finding
		refolds   bool
	}{
		"nothing":                        {20, 1, Bounds{0, 20}, Sound, false},
		"the inputs at the commit":       {20, 1, Bounds{21, 30}, TargetDeleted, false},
		"the end of the input":           {21, 1, Bounds{0, 20}, InputCut, false},
		"the commit":                     {NoCommit, 0, Bounds{0, 20}, Sound, true},
		"the commit and the first input": {NoCommit, 0, Bounds{1, 20}, CommitsGone, false},
		"a row":                          {20, 2, Bounds{0, 20}, RowsMissing, false},
		"inputs that a row includes":     {19, 1, Bounds{0, 19}, RowsAhead, false},
	} {
		taken := Takeover{Generation: 2, KnownRows: c.rows}
		found, err := taken.Choose(v, c.committed, c.input)
		require.NoError(t, err)
		require.Equal(t, c.want, found, name)
		require.Equal(t, c.refolds, taken.Refolds, name)
		require.Equal(t, c.want == Sound, found.Alarm() == "", name)
	}
	late := Takeover{Generation: 3}
	_, err := late.Choose(v, 20, Bounds{0, 20})
	require.NoError(t, err)
	require.True(t, late.Outranked)
}

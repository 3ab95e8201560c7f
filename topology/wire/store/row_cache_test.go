// The cache of rows never says what is not on disk, and never grows beyond its limits.

package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/topology/wire/law"
)

func TestRowCacheIsBoundedAndTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, disk := newRowCache(), map[string][]byte{}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			first, n := rapid.IntRange(0, 5_000).Draw(t, "first"), rapid.IntRange(1, 400).Draw(t, "rows")
			row := make([]byte, rapid.SampledFrom([]int{0, 10, 5_000}).Draw(t, "size"))
			for i := range n {
				key := fmt.Sprint(first + i)
				disk[key] = row
				c.put(key, row)
			}
			if got, ok := c.get(fmt.Sprint(first)); ok {
				require.Equal(t, disk[fmt.Sprint(first)], got)
			}
			bytes := 0
			for key, got := range c.rows {
				require.Equal(t, disk[key], got)
				bytes += len(key) + len(got)
			}
			require.Equal(t, bytes, c.bytes)
			require.LessOrEqual(t, bytes, cachedBytes)
			require.LessOrEqual(t, len(c.rows), cachedRows)
		}
	})
}

func TestCachedRowIsTheOneOnDisk(t *testing.T) {
	table, err := Open(t.TempDir(), testLog(t), func(err error) { t.Error(err) })
	require.NoError(t, err)
	defer table.Close()
	s, err := table.OpenPartition(0, counters())
	require.NoError(t, err)
	row := func(through byte) []byte { return []byte{1 << 3, through} }
	for offset := range byte(10) {
		require.NoError(t, s.Fold(&law.Record{Key: "ann", Value: row(offset + 1), Offset: int64(offset), Generation: law.NoGeneration}))
		if offset%3 == 0 {
			require.NoError(t, s.Flush())
		}
		got, err := s.Get("ann")
		require.NoError(t, err)
		require.Equal(t, row(offset+1), got)
	}
	require.NoError(t, s.Flush())
	onDisk, err := table.get(0, law.RowEntry, "ann")
	require.NoError(t, err)
	kept, ok := s.cache.get("ann")
	require.True(t, ok)
	require.Equal(t, onDisk, kept)
}

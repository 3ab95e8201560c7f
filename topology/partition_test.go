// PartitionOf, Hasher and goka's own arithmetic must name the same partition for every key, for ever: the golden file
// is the promise to every log that exists.

package topology

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"
	"pgregory.net/rapid"
)

const goldenFile = "partition.golden" // in testdata

// gokaPartition is what goka v1.1.16 computes: processor.go hash() for tables, sarama's NewCustomHashPartitioner for
// what it emits. It is written out here because only topology/wire may import goka.
func gokaPartition(t require.TestingT, key string, n int32) int32 {
	h := Hasher()
	_, err := h.Write([]byte(key))
	require.NoError(t, err)
	hash := int32(h.Sum32())
	if hash < 0 {
		hash = -hash
	}
	return hash % n
}

// goldenKeys are keys of every shape that a record of ours may have, and some that it may not.
var goldenKeys = []string{
	"", "/", "//", "a", "ann", "ann/bob", "ann/bob/ann", "ann/", "/ann", "bob", "bob/ann/bob",
	"u1924578", "u1924578/u7", "g-0192f0c1-7a6b-7c3d-8e4f-0123456789ab", "g-0192f0c1-7a6b-7c3d-8e4f-0123456789ab/main",
	"ann/g-0192f0c1-7a6b-7c3d-8e4f-0123456789ab/main", "A.b_c-9", "~rules", "Åsa", "Åsa/李", "李雷/韩梅梅", "😀", "\x00", "\xff\xfe/a",
	strings.Repeat("x", 64), strings.Repeat("x", 64) + "/" + strings.Repeat("y", 64),
}

var goldenCounts = []int32{1, 2, 4, 64, 256, 1 << 20}

func TestPartitionGolden(t *testing.T) {
	var now bytes.Buffer
	fmt.Fprintln(&now, "# key, number of partitions, partition. A changed line cuts every existing log in two: never update, only add.")
	for _, key := range goldenKeys {
		for _, n := range goldenCounts {
			fmt.Fprintf(&now, "%s\t%d\t%d\n", strconv.QuoteToASCII(key), n, PartitionOf(key, n))
		}
	}
	golden.Assert(t, now.String(), goldenFile, "keys would move to other partitions; undo the change of the hash")
}

// The file is read as another producer's test would read it, and compared with goka's arithmetic.
func TestGokaAgreesWithTheGolden(t *testing.T) {
	vectors := 0
	for lines := bufio.NewScanner(bytes.NewReader(golden.Get(t, goldenFile))); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		field := strings.Split(lines.Text(), "\t")
		require.Len(t, field, 3)
		key, err := strconv.Unquote(field[0])
		require.NoError(t, err)
		n, err := strconv.ParseInt(field[1], 10, 32)
		require.NoError(t, err)
		require.Equal(t, field[2], fmt.Sprint(gokaPartition(t, key, int32(n))), "key %q over %d", key, n)
		vectors++
	}
	require.Equal(t, len(goldenKeys)*len(goldenCounts), vectors)
}

func TestGokaAgreesOnAnyKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := string(rapid.SliceOf(rapid.Byte()).Draw(t, "key"))
		n := int32(1) << rapid.IntRange(0, 20).Draw(t, "log2 n")
		p := PartitionOf(key, n)
		require.Equal(t, gokaPartition(t, key, n), p)
		require.True(t, 0 <= p && p < n, "partition %d of %d", p, n)
	})
}

// What belongs to a user lives with the user: rows of different tables are then owned by the same process.
func TestAKeyLivesWithItsUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[^/]*`).Draw(t, "user")
		rest := rapid.String().Draw(t, "rest")
		require.Equal(t, PartitionOf(user, 64), PartitionOf(user+"/"+rest, 64))
	})
}

// A producer may hand a key over in pieces, and use a hasher again after a reset.
func TestHasherTakesPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Hasher()
		for range 2 {
			h.Reset()
			key := ""
			for _, piece := range rapid.SliceOf(rapid.StringMatching(`[a-c/]*`)).Draw(t, "pieces") {
				n, err := h.Write([]byte(piece))
				require.NoError(t, err)
				require.Equal(t, len(piece), n)
				key += piece
			}
			require.Equal(t, PartitionOf(key, 64), int32(h.Sum32())%64)
		}
	})
}

// Why the top bit is masked, and why counts are powers of two: without either, goka gives this key a negative partition.
func TestTheKeyThatGokaCannotPlace(t *testing.T) {
	const key, most = "u1924578", uint32(1) << 31
	var plain uint32 = fnvOffset
	for i := range len(key) {
		plain = (plain ^ uint32(key[i])) * fnvPrime
	}
	require.Equal(t, most, plain, "its hash is the one number whose negation is itself")
	signed := int32(plain)
	if signed < 0 {
		signed = -signed
	}
	require.Equal(t, int32(-8), signed%12)
	require.Zero(t, PartitionOf(key, 64))
	require.Zero(t, PartitionOf(key, 12))
}

// What may be committed, against a model.

package wire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCommitsStopAtTheFirstUnfinishedInput(t *testing.T) {
	c := newCommits()
	require.EqualValues(t, noCommit, c.next())
	for _, o := range []int64{3, 4, 7, 8} { // offsets of a log need not be dense
		c.begin(o)
	}
	c.finish(4)
	require.EqualValues(t, noCommit, c.next(), "4 is done, 3 is not")
	c.finish(8)
	c.finish(3)
	require.EqualValues(t, 5, c.next())
	c.finish(99) // was never begun
	require.EqualValues(t, 5, c.next())
	c.finish(7)
	require.EqualValues(t, 9, c.next())
}

// TestCommitsAreTheContiguousPrefix begins and finishes inputs in any order against a model.
func TestCommitsAreTheContiguousPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCommits()
		var begun []int64
		done := map[int64]bool{}
		next := rapid.Int64Range(0, 10).Draw(t, "first")
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			open := slices.DeleteFunc(slices.Clone(begun), func(o int64) bool { return done[o] })
			if len(open) == 0 || rapid.Bool().Draw(t, "begin") {
				c.begin(next)
				begun = append(begun, next)
				next += rapid.Int64Range(1, 3).Draw(t, "gap")
			} else {
				o := rapid.SampledFrom(open).Draw(t, "finish")
				c.finish(o)
				done[o] = true
			}
			want := int64(noCommit)
			for _, o := range begun {
				if !done[o] {
					break
				}
				want = o + 1
			}
			if c.next() != want {
				t.Fatalf("next is %d, want %d", c.next(), want)
			}
		}
	})
}

func TestCommitsForgetWhatIsFinished(t *testing.T) {
	c := newCommits()
	for o := range int64(10 * compactCommits) {
		c.begin(o)
		c.finish(o)
	}
	require.EqualValues(t, 10*compactCommits, c.next())
	require.LessOrEqual(t, len(c.offsets), 2*compactCommits)
}

func TestCommitNoteIsReadBack(t *testing.T) {
	n := commitNote{nonce: "00ff", table: "abc", next: 42, rows: 7}
	back, err := parseCommitNote(n.String())
	require.NoError(t, err)
	require.Equal(t, n, back)
	for _, text := range []string{"", "1", "2 a b 3", "1 a b c", "1 a b 3 x", "1 a b 3 4 5"} {
		_, err := parseCommitNote(text)
		require.Error(t, err, text)
	}
}

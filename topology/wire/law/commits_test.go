// What may be committed: runs whose outputs and rows are acked, and all before them.

package law

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestCommitsAreTheContiguousPrefix folds runs of inputs, acks what they say in any order that brokers may choose, and
// compares what may be committed with what is acked.
func TestCommitsAreTheContiguousPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sent
		l, commit := newTestTrack(s.send), int64(NoCommit)
		acked := map[*shipment]bool{}
		var ends []int64         // of runs
		var said [][][]*shipment // by run and input
		next := int64(0)
		ack := func() {
			waiting := slices.DeleteFunc(slices.Clone(s.list), func(r *shipment) bool { return acked[r] })
			if len(waiting) == 0 {
				return
			}
			r := rapid.SampledFrom(waiting).Draw(t, "acked")
			for row := r; row != nil; row = row.Older {
				acked[row] = true
			}
			require.NoError(t, l.acked(r))
		}
		check := func() {
			want := int64(NoCommit)
			for i, run := range said {
				whole := true
				for _, input := range run {
					for _, r := range input {
						whole = whole && acked[r]
					}
				}
				if !whole {
					break
				}
				want = ends[i]
			}
			require.Equal(t, want, commit)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				run := [][]*shipment{}
				for range rapid.IntRange(1, 4).Draw(t, "inputs") {
					next += rapid.Int64Range(1, 3).Draw(t, "gap") // offsets of a log need not be dense
					var input []*shipment
					for range rapid.IntRange(0, 2).Draw(t, "outputs") {
						input = append(input, out("o"))
					}
					if rapid.Bool().Draw(t, "taken") { // a dropped one says nothing and writes no row
						input = append(input, state(rapid.SampledFrom([]string{"ann", "bob", "cid"}).Draw(t, "key")))
					}
					for _, r := range input {
						require.NoError(t, l.put(r))
					}
					run = append(run, input)
				}
				below := next + 1
				said, ends = append(said, run), append(ends, below)
				l.barrier(func(err error) { require.NoError(t, err); commit = max(commit, below) })
			case 1:
				require.NoError(t, l.Pace())
			default:
				ack()
			}
			check()
		}
		for commit < slices.Max(append(ends, NoCommit)) {
			require.NoError(t, l.Pace())
			ack()
			check()
		}
	})
}

// What may be committed: runs whose outputs and rows are acked, and all before them.

package group

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/law"
)

func newClaim() *claim {
	c := &claim{marked: law.NoCommit}
	c.folded.Store(law.NoCommit)
	return c
}

func TestCommitsNeverFall(t *testing.T) {
	c := newClaim()
	for _, below := range []int64{5, 9, 7} { // a run that is finished at once may overtake the one before it
		c.finish(below)
	}
	require.EqualValues(t, 9, c.folded.Load())
}

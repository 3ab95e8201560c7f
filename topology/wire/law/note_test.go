// The note of a commit is read back, and compared with the changelog.

package law

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommitNoteIsReadBack(t *testing.T) {
	n := Note{Nonce: "00ff", Table: "abc", Next: 42, Rows: 7}
	back, err := ParseNote(n.String())
	require.NoError(t, err)
	require.Equal(t, n, back)
	for _, text := range []string{"", "1", "2 a b 3", "1 a b c", "1 a b 3 x", "1 a b 3 4 5"} {
		_, err := ParseNote(text)
		require.Error(t, err, text)
	}
}

func TestNoteIsComparedWithTheChangelog(t *testing.T) {
	n := Note{Table: "abc", Next: 42}
	require.Equal(t, Sound, n.Check("abc", 42))
	require.Equal(t, TableCut, n.Check("abc", 41))
	require.Equal(t, TableRecreated, n.Check("abd", 41))
}

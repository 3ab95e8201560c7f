// The note of a commit: what a later owner checks before it trusts the changelog.

package law

import (
	"fmt"
	"strconv"
	"strings"
)

// NoCommit stands where nothing is committed.
const NoCommit = -1

// Note is the metadata of a commit.
type Note struct {
	Nonce string // of the takeover, hexadecimal
	Table string // id of the changelog topic
	Next  int64  // changelog offset after the last record known to this owner
	Rows  int64  // rows that it knows in the changelog; 0 when an older binary wrote the note
}

const noteVersion = "1"

// String is the form that is committed.
func (n Note) String() string {
	return strings.Join([]string{noteVersion, n.Nonce, n.Table, strconv.FormatInt(n.Next, 10), strconv.FormatInt(n.Rows, 10)}, " ")
}

// ParseNote reads the metadata of a commit.
func ParseNote(text string) (Note, error) {
	fields := strings.Fields(text)
	if len(fields) < 4 || len(fields) > 5 || fields[0] != noteVersion {
		return Note{}, fmt.Errorf("the commit's metadata %q has an unknown form", text)
	}
	next, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return Note{}, fmt.Errorf("the commit's metadata %q has an unknown form: %w", text, err)
	}
	note := Note{Nonce: fields[1], Table: fields[2], Next: next}
	if len(fields) == 5 {
		if note.Rows, err = strconv.ParseInt(fields[4], 10, 64); err != nil {
			return Note{}, fmt.Errorf("the commit's metadata %q has an unknown form: %w", text, err)
		}
	}
	return note, nil
}

// Check compares the changelog, its id and its end, with what the last owner wrote beside its commit.
func (n Note) Check(table string, end int64) Finding {
	switch {
	case n.Table != table:
		return TableRecreated
	case end < n.Next:
		return TableCut
	}
	return Sound
}

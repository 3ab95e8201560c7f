// Disk before commit: the commits of a session, and what the broker keeps of them.

package sim

import (
	"strconv"

	"github.com/parley-im/parley/topology/wire/law"
)

// commit is a commit as the group's coordinator keeps it.
type commit struct {
	offset int64  // law.NoCommit = none
	note   string // law.Note
}

var noCommit = commit{offset: law.NoCommit}

// known is the changelog offset that the committer knew.
func (c commit) known() int64 {
	note, err := law.ParseNote(c.note)
	must(err)
	return note.Next
}

// commit commits every claim's prefix, after its rows are on disk. A refusal is not seen and does no harm.
func (s *session) commit() {
	for _, c := range s.claims {
		if c.store == nil || c.folded == law.NoCommit || c.folded == c.marked {
			continue
		}
		c.store.flush()
		c.marked = c.folded
		s.p.group.coordinator.commit(s, c.partition, c.commit(c.marked))
	}
}

// commit is a commit as this owner makes it.
func (c *claim) commit(offset int64) commit {
	view := c.store.view
	return commit{offset, law.Note{
		Nonce: c.nonce, Table: strconv.Itoa(c.store.disk.ids[1]), Next: view.Next(), Rows: view.Census().Rows,
	}.String()}
}

// Disk before commit, contiguous commits: a model of the wire's commits, and of the broker that keeps them.

package sim

// commits tracks the inputs of one partition in one session.
type commits struct {
	w       *World
	offsets []int64
	done    map[int64]bool
	upTo    int64 // next offset to commit; noCommit before the first
}

const noCommit = -1

func newCommits(w *World) *commits { return &commits{w: w, done: map[int64]bool{}, upTo: noCommit} }

func (c *commits) begin(offset int64) {
	c.offsets = append(c.offsets, offset)
	if c.w.broken(CommitBeforeOutputs) {
		c.upTo = offset + 1
	}
}

func (c *commits) finish(offset int64) {
	if c.w.broken(HoleInCommits) { // the highest mark wins, as it does without the wrapper; lanes alone keep the order of what is not dropped
		c.upTo = max(c.upTo, offset+1)
		return
	}
	if c.w.broken(CommitBeforeOutputs) {
		return
	}
	c.done[offset] = true
	for len(c.offsets) > 0 && c.done[c.offsets[0]] {
		delete(c.done, c.offsets[0])
		c.upTo = c.offsets[0] + 1
		c.offsets = c.offsets[1:]
	}
}

// place is a commit as the group's coordinator keeps it.
type place struct {
	offset int64  // noCommit = none
	nonce  string // of the takeover that committed
	table  int64  // changelog offset that the committer knew
	id     int    // incarnation of that changelog
}

// commit commits every claim's prefix, after its rows are on disk. A refusal is not seen and does no harm.
func (s *session) commit() {
	for _, c := range s.claims {
		if c.store == nil || c.commits.upTo == noCommit || c.commits.upTo == c.marked {
			continue
		}
		c.store.flush()
		c.marked = c.commits.upTo
		s.p.group.coordinator.commit(s, c.partition, c.place(c.marked))
	}
}

// place is a commit as this owner makes it.
func (c *claim) place(offset int64) place {
	return place{offset, c.nonce, c.store.next, c.store.disk.ids[1]}
}

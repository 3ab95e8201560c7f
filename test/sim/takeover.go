// How a new owner takes a partition over and settles: a model of the wire's takeover, settle and detect.

package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parley-im/parley/topology"
)

const takeoverPrefix = "\x00takeover/"

const maxRecoverStep = 40 // changelog records read in one step

// recover is goka's: from where the local store stands to the end as it was when recovery began.
func (s *session) recover() bool {
	w := s.p.w
	for _, c := range s.claims {
		table := w.log[s.p.group.table][c.partition]
		if c.store == nil {
			d := s.p.slot.disks[c.partition]
			if d.next > table.end && !w.broken(StoreAheadTrusted) {
				w.note("%s wipes its store of %d, which is ahead of the log", s.p.name(), c.partition)
				*d = *newDisk()
			}
			c.store, c.recoverTo = openStore(w, d), table.end
		}
		if c.store.next < c.recoverTo {
			s.read(c, c.recoverTo)
			return true
		}
	}
	// Behind goka's recovery: the commits are asked for, then the takeover records leave.
	nonce := fmt.Sprintf("%016x", w.random.Uint64())
	for _, c := range s.claims {
		c.store.flush()
		c.nonce, c.before = nonce, s.p.group.coordinator.places[c.partition]
		if table := w.log[s.p.group.table][c.partition]; c.before.offset >= 0 && table.end < c.before.table {
			w.alarm("%s/%d ends at %d, but the last owner knew it up to %d", s.p.group.table, c.partition, table.end, c.before.table)
		}
		s.p.change(takeoverMark, c, takeoverPrefix+nonce, []byte(s.p.name()), func(offset int64) {
			c.generation, c.announced = offset, true
		})
	}
	s.phase = announcing
	return true
}

// read folds some records of the changelog below an offset.
func (s *session) read(c *claim, to int64) {
	n := 1 + s.p.w.random.IntN(maxRecoverStep)
	for _, e := range s.p.w.log[s.p.group.table][c.partition].from(c.store.next) {
		if e.Offset >= to || n == 0 {
			break
		}
		n--
		c.store.fold(e)
	}
	if n > 0 { // nothing is left below: compaction may have eaten the last ones
		c.store.next, c.store.saved = max(c.store.next, to), max(c.store.saved, to)
	}
}

// announced waits for the takeover records.
func (s *session) announced() bool {
	for _, c := range s.claims {
		if !c.announced {
			return false
		}
	}
	s.phase = tailing
	return true
}

// tail reads each changelog until one answer reaches its end, then decides where to begin and fences.
func (s *session) tail() bool {
	for _, c := range s.claims {
		end := s.p.w.log[s.p.group.table][c.partition].end
		if c.store.next < end && !s.p.w.broken(NoTailRead) {
			s.read(c, end)
			return true
		}
		c.store.next, c.store.saved = max(c.store.next, end), max(c.store.saved, end) // only without a tail
	}
	for _, c := range s.claims {
		s.choose(c)
	}
	if !s.fence() && !s.p.w.broken(NoFence) {
		s.p.w.note("%s is refused its commit in generation %d", s.p.name(), s.generation)
		s.phase = draining
		return true
	}
	s.phase = folding
	for _, c := range s.claims {
		count := &s.p.w.result.Takeover
		count.Count++
		count.Rewound += int(c.committed - c.target)
		count.Suspects += len(c.suspects)
		s.p.w.note("%s takes %d over: generation %d, committed %d, from %d, %d suspects", s.p.name(), c.partition, c.generation, c.committed, c.target, len(c.suspects))
		c.position = c.target
		if c.target >= c.committed {
			s.p.settle(c, c.committed)
		}
	}
	return true
}

// choose decides where this owner begins: at the commit, or where the least known suspect is known to.
func (s *session) choose(c *claim) {
	c.committed = max(c.before.offset, 0)
	c.target, c.suspects = c.committed, map[string]bool{}
	for _, key := range c.store.suspectKeys() {
		c.suspects[key] = true
		c.target = min(c.target, through(c.store.get(key)))
	}
	for _, key := range slices.Sorted(maps.Keys(c.store.takeovers)) {
		if c.store.takeovers[key] < c.generation {
			c.retire = append(c.retire, key)
		}
	}
	c.rules = c.store.get(topology.RulesKey)
	if end := s.p.w.log[s.p.group.real.Group.Input][c.partition].end; c.committed > end {
		s.p.w.alarm("%s/%d ends at %d, but was committed up to %d", s.p.group.real.Group.Input, c.partition, end, c.committed)
	}
}

// fence commits the targets through the group and reads them back.
func (s *session) fence() bool {
	held := true
	for _, c := range s.claims {
		want := place{c.target, c.nonce, c.store.next}
		s.p.group.coordinator.commit(s, c.partition, want)
		held = held && s.p.group.coordinator.places[c.partition] == want
	}
	return held
}

// after runs at the end of every fold.
func (p *process) after(c *claim, offset int64, key string, wrote bool) {
	if c.settled {
		return
	}
	if wrote {
		delete(c.suspects, key)
	}
	if offset >= c.committed-1 {
		p.settle(c, offset+1)
	}
}

// settle rewrites the suspects that are left, then retires older takeovers.
func (p *process) settle(c *claim, verified int64) {
	c.settled = true
	for _, key := range slices.Sorted(maps.Keys(c.suspects)) {
		row := c.store.get(key)
		if through(row) < verified {
			row = withThrough(row, verified)
		}
		c.store.set(key, row)
		p.change(rowState, c, key, row, nil)
	}
	for _, key := range c.retire {
		p.change(takeoverMark, c, key, nil, nil)
	}
	c.suspects, c.retire = nil, nil
}

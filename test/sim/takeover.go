// How a new owner takes a partition over and settles: a model of the wire's takeover, settle and detect.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-im/parley/topology"
)

const (
	takeoverPrefix = "\x00takeover/"
	skipPrefix     = "\x00skip/"
)

const maxRecoverStep = 40 // changelog records read in one step

// recover is goka's: from where the local store stands to the end as it was when recovery began.
func (s *session) recover() bool {
	w := s.p.w
	for _, c := range s.claims {
		table := w.log[s.p.group.table][c.partition]
		if c.store == nil {
			c.store, c.recoverTo = s.open(c.partition), table.end
			if w.broken(StandbyTrusted) && s.p.slot.standby {
				c.recoverTo = c.store.next
			}
		}
		if c.store.next < c.recoverTo {
			s.read(c, c.recoverTo)
			return true
		}
	}
	s.announce()
	return true
}

// announce asks for the commits, behind goka's recovery, and lets the takeover records leave.
func (s *session) announce() {
	w := s.p.w
	nonce := fmt.Sprintf("%016x", w.random.Uint64())
	for _, c := range s.claims {
		c.store.flush()
		c.nonce, c.before = nonce, s.p.group.coordinator.places[c.partition]
		c.announced, c.retire = false, nil
		c.rank = c.nextRank(s)
		table := w.log[s.p.group.table][c.partition]
		if c.before.offset >= 0 && table.id != c.before.id {
			w.alarm("topic_recreated", "%s/%d was made anew since the last commit", s.p.group.table, c.partition)
		} else if c.before.offset >= 0 && table.end < c.before.table {
			w.alarm("changelog_shrunk", "%s/%d ends at %d, but the last owner knew it up to %d", s.p.group.table, c.partition, table.end, c.before.table)
		}
		s.p.change(takeoverMark, c, takeoverPrefix+nonce, []byte(s.p.name()), func(offset int64) {
			c.generation, c.announced = offset, true
		})
	}
	s.phase = announcing
}

// outranked reports whether this owner's takeover does not count. Its commit was accepted, so those that outrank it are of a
// group that is no more, whose generations began anew: it says again that it takes over, in a new era.
func (s *session) outranked() bool {
	return slices.ContainsFunc(s.claims, func(c *claim) bool { return !slices.Contains(c.store.walls, c.generation) })
}

const roundsMost = 3 // takeovers of one session

// open opens a local store after comparing it with the log.
func (s *session) open(partition int32) *store {
	w, d := s.p.w, s.p.slot.disks[partition]
	ids := [2]int{s.p.ids[0][partition], s.p.ids[1][partition]}
	if d.ids[0] != unpinned && d.ids != ids {
		w.alarm("topic_recreated", "the store of %s/%d belongs to another incarnation of its topics", s.p.name(), partition)
	}
	if end := w.log[s.p.group.table][partition].end; d.next > end && !w.broken(StoreAheadTrusted) {
		w.note("%s wipes its store of %d, which is ahead of the log", s.p.name(), partition)
		*d = *newDisk()
	}
	d.ids = ids
	return openStore(w, d)
}

// read folds some records of the changelog below an offset.
func (s *session) read(c *claim, to int64) {
	n := 1 + s.p.w.random.IntN(maxRecoverStep)
	for _, e := range s.p.w.log[s.p.group.table][c.partition].from(c.store.next) {
		if e.Offset >= to || n == 0 {
			break
		}
		n--
		if e.takeover && e.Value != nil && e.input != s.p.ids[0][c.partition] {
			s.p.w.alarm("topic_recreated", "the input of %s/%d was made anew since offset %d", s.p.group.table, c.partition, e.Offset)
		}
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
		if c.store.next < end && !s.p.w.broken(NoTailRead) && !(s.p.w.broken(StandbyTrusted) && s.p.slot.standby) {
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
	if s.outranked() && !s.p.w.broken(EraForgotten) {
		if s.rounds++; s.rounds == roundsMost {
			s.phase = draining
			return true
		}
		s.p.w.note("%s is outranked and says again that it takes over", s.p.name())
		s.announce()
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
	c.committed = c.before.offset
	if c.committed < 0 {
		c.committed = s.p.w.log[s.p.group.real.Group.Input][c.partition].start
	}
	c.target, c.suspects = c.committed, map[string]bool{}
	for _, key := range c.store.suspectKeys() {
		c.suspects[key] = true
		c.target = min(c.target, through(c.store.get(key)))
	}
	c.retire = retireOf(c, s.p.w.log[s.p.group.real.Group.Input][c.partition].start)
	if !s.p.w.broken(RulesForgotten) {
		c.rules = c.store.get(topology.RulesKey)
	}
	s.checkTarget(c)
}

// fence commits the targets through the group and reads them back.
func (s *session) fence() bool {
	held := true
	for _, c := range s.claims {
		want := c.place(c.target)
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
		k := takeoverMark
		if strings.HasPrefix(key, skipPrefix) {
			k = skipMark
		}
		p.change(k, c, key, nil, nil)
	}
	c.suspects, c.retire = nil, nil
}

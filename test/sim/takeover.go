// How a new owner takes a partition over and settles: the steps around law.Takeover, as the wire takes them.

package sim

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

const maxRecoverStep = 40 // changelog records read in one step

// recover is goka's: from where the local store stands to the end as it was when recovery began.
func (s *session) recover() bool {
	w := s.p.w
	for _, c := range s.claims {
		table := w.log[s.p.group.table][c.partition]
		if c.store == nil {
			c.store, c.recoverTo = s.open(c.partition), table.end
			c.read = c.store.view.Next()
			if w.broken(StandbyTrusted) && s.p.slot.standby {
				c.recoverTo = c.read
			}
		}
		if c.read < c.recoverTo {
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
		c.nonce, c.before, c.announced = nonce, s.p.group.coordinator.commits[c.partition], false
		if c.before.offset >= 0 {
			note, err := law.ParseNote(c.before.note)
			must(err)
			c.KnownRows = note.Rows
			table := w.log[s.p.group.table][c.partition]
			w.raise(note.Check(strconv.Itoa(table.id), table.end), s.p.group.table, c.partition)
		}
		c.Announce(c.store.view, int32(s.generation))
		s.p.change(law.Mark, c, law.TakeoverKey(nonce), s.p.markValue(c), law.TakeoverHeaders(c.Rank), func(offset int64) {
			c.Generation, c.announced = offset, true
		})
	}
	s.phase = announcing
}

// markValue pins the input that this process consumes.
func (p *process) markValue(c *claim) []byte {
	return law.MarkValue(c.nonce, strconv.Itoa(p.ids[0][c.partition]), p.name())
}

// outranked reports whether this owner's takeover does not count. Its commit was accepted, so those that outrank it are of a
// group that is no more, whose generations began anew: it announces its takeover again, in a new era.
func (s *session) outranked() bool {
	return slices.ContainsFunc(s.claims, func(c *claim) bool { return c.Outranked })
}

const roundsMost = 3 // takeovers of one session

// open opens a local store after comparing it with the log.
func (s *session) open(partition int32) *store {
	w, d := s.p.w, s.p.slot.disks[partition]
	ids := [2]int{s.p.ids[0][partition], s.p.ids[1][partition]}
	if d.ids[0] != unpinned && d.ids != ids {
		w.alarm(law.AlarmTopic, "the store of %s/%d belongs to another incarnation of its topics", s.p.name(), partition)
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
	for _, e := range s.p.w.log[s.p.group.table][c.partition].from(c.read) {
		if e.Offset >= to || n == 0 {
			break
		}
		n--
		s.checkInput(c, e)
		c.store.fold(e)
		c.read = e.Offset + 1
	}
	if n > 0 { // nothing is left below: compaction may have eaten the last ones
		c.read = max(c.read, to)
	}
}

// checkInput compares the input with the one that an earlier owner consumed.
func (s *session) checkInput(c *claim, e *entry) {
	if !e.table.Mark || e.Value == nil {
		return
	}
	id, err := law.InputOf(e.Value)
	must(err)
	if id != strconv.Itoa(s.p.ids[0][c.partition]) {
		s.p.w.alarm(law.AlarmTopic, "the input of %s/%d was made anew since offset %d", s.p.group.table, c.partition, e.Offset)
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
		if s.trustsRecovery() {
			s.skipTail(c)
		} else if c.read < end {
			s.read(c, end)
			return true
		}
	}
	for _, c := range s.claims {
		s.choose(c)
	}
	if !s.fence() && !s.p.w.broken(NoFence) {
		s.p.w.note("%s is refused its commit in generation %d", s.p.name(), s.generation)
		s.phase = draining
		return true
	}
	if s.outranked() {
		if s.rounds++; s.rounds == roundsMost {
			s.phase = draining
			return true
		}
		s.p.w.note("%s is outranked and announces its takeover again", s.p.name())
		s.announce()
		return true
	}
	s.phase = folding
	for _, c := range s.claims {
		count := &s.p.w.result.Takeover
		count.Count++
		count.Rewound += int(c.Committed - c.Target)
		count.Suspects += len(c.Suspects)
		s.p.w.note("%s takes %d over: generation %d, committed %d, from %d, %d suspects", s.p.name(), c.partition, c.Generation, c.Committed, c.Target, len(c.Suspects))
		c.position = c.Target
		if c.AtCommit() {
			s.p.settle(c, c.Committed)
		}
	}
	return true
}

// trustsRecovery is what two mutants break: nothing is read behind what goka has recovered, but the own takeover.
func (s *session) trustsRecovery() bool {
	return s.p.w.broken(NoTailRead) || s.p.w.broken(StandbyTrusted) && s.p.slot.standby
}

func (s *session) skipTail(c *claim) {
	if c.read > c.Generation {
		return
	}
	c.read = c.Generation + 1
	if own := s.p.w.log[s.p.group.table][c.partition].from(c.Generation); len(own) > 0 && own[0].Offset == c.Generation {
		c.store.fold(own[0])
	}
}

// choose decides where this owner begins.
func (s *session) choose(c *claim) {
	input := s.p.w.log[s.p.group.real.Group.Input][c.partition]
	found, err := c.Choose(c.store.view, c.before.offset, law.Bounds{Oldest: input.start, End: input.end})
	must(err)
	s.p.w.raise(found, s.p.group.real.Group.Input, c.partition)
	if found == law.TargetDeleted {
		c.Target = input.start
	}
	if !s.p.w.broken(RulesForgotten) {
		c.rules = c.store.get(topology.RulesKey)
	}
}

// raise raises the alarm of a finding.
func (w *World) raise(found law.Finding, topic string, partition int32) {
	if found != law.Sound {
		w.alarm(found.Alarm(), "%s/%d: finding %d", topic, partition, found)
	}
}

// fence commits the targets through the group and reads them back.
func (s *session) fence() bool {
	held := true
	for _, c := range s.claims {
		want := c.commit(c.Target)
		s.p.group.coordinator.commit(s, c.partition, want)
		held = held && s.p.group.coordinator.commits[c.partition] == want
	}
	return held
}

// after runs at the end of every fold.
func (p *process) after(c *claim, offset int64, key string, wrote bool) {
	if c.Takeover.Folded(offset, key, wrote) {
		p.settle(c, offset+1)
	}
}

// settle rewrites the suspects that are left, then retires older marks.
func (p *process) settle(c *claim, verified int64) {
	suspects, retire := c.Settle()
	for _, key := range suspects {
		row, err := law.Rewritten(c.store.get(key), verified)
		must(err)
		c.store.set(key, row)
		p.change(law.Row, c, key, row, law.RowHeaders(c.Generation), nil)
	}
	for _, key := range retire {
		p.change(law.Mark, c, key, nil, law.TombstoneHeaders(), nil)
	}
}

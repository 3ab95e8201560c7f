// A member's life in its group: it gets partitions, sets up, folds, drains when it learns that the session is over, and joins again.

package sim

import (
	"slices"

	"github.com/parley-im/parley/topology/wire/law"
)

// phase is how far a session has come.
type phase uint8

const (
	recovering phase = iota // goka reads the changelog
	announcing              // takeover records are on their way
	tailing                 // the changelog is read to its end
	folding
	draining // the session is over; acks are waited for
)

// session is one membership of a process.
type session struct {
	p          *process
	generation int
	deal       int // the same, but it never falls
	claims     []*claim
	copies     []*claim // of partitions of others, for a quicker takeover
	phase      phase
	rounds     int // takeovers announced
}

func (p *process) begin(generation int, owned []int32) {
	p.session = &session{p: p, generation: generation, deal: p.group.coordinator.deals}
	for _, n := range owned {
		p.session.claims = append(p.session.claims, &claim{partition: n, folded: law.NoCommit, marked: law.NoCommit})
	}
	for n := range int32(partitions) {
		if p.slot.standby && !slices.Contains(owned, n) {
			p.session.copies = append(p.session.copies, &claim{partition: n})
		}
	}
}

// heartbeat is when a process learns that its session is over.
func (p *process) heartbeat() bool {
	s, c := p.session, p.group.coordinator
	switch {
	case p.ids != p.w.idsOf(p.group):
		p.w.alarm("topic_recreated", "a topic of %s was made anew", p.group.name)
		p.ids = p.w.idsOf(p.group)
		return true
	case s == nil: // it waits for partitions, or was given up while it did
		if !contains(c.joined, p) {
			c.join(p)
			return true
		}
		return false
	case s.phase != draining && (!c.current(s) || c.preparing):
		p.w.note("%s learns that generation %d is over", p.name(), s.generation)
		s.phase = draining
		return true
	case s.phase == draining && p.unacked == 0:
		s.end()
		return true
	}
	return false
}

func contains(list []*process, p *process) bool {
	for _, q := range list {
		if q == p {
			return true
		}
	}
	return false
}

// end commits what is left, closes the stores, and joins again.
func (s *session) end() {
	s.commit()
	for _, c := range append(s.claims, s.copies...) {
		if c.store != nil {
			c.store.close()
		}
	}
	s.p.session = nil
	s.p.group.coordinator.join(s.p)
}

// step brings the session one step further.
func (s *session) step() bool {
	switch s.phase {
	case recovering:
		return s.recover()
	case announcing:
		return s.announced()
	case tailing:
		return s.tail()
	case folding:
		if len(s.copies) > 0 && s.p.w.random.IntN(copyEvery) == 0 {
			return s.copySome() || s.foldSome()
		}
		return s.foldSome() || s.copySome()
	}
	return false
}

const copyEvery = 4 // steps of a hot standby between reads of the changelogs of others

// copySome reads some records of another owner's changelog, as goka's hot standby does.
func (s *session) copySome() bool {
	for _, c := range s.copies {
		if c.store == nil {
			c.store = s.open(c.partition)
			c.read = c.store.view.Next()
		}
		if end := s.p.w.log[s.p.group.table][c.partition].end; c.read < end {
			s.read(c, end)
			if s.p.w.random.IntN(copyEvery) == 0 {
				c.store.flush()
			}
			return true
		}
	}
	return false
}

// foldSome folds some inputs of one partition.
func (s *session) foldSome() bool {
	if len(s.claims) == 0 {
		return false
	}
	first := s.p.w.random.IntN(len(s.claims))
	for i := range s.claims {
		c := s.claims[(first+i)%len(s.claims)]
		input := s.p.w.log[s.p.group.real.Group.Input][c.partition]
		if c.refused {
			s.p.crash("a panic that is not on record")
			if s.p.w.healed {
				s.p.slot.start()
			}
			return true
		}
		if c.position < input.start && !s.p.w.broken(AlarmsOff) { // what it wants is gone: it asks its group anew where to begin
			s.phase = draining
			return true
		}
		entries := input.from(c.position)
		if len(entries) == 0 || c.waits {
			continue
		}
		s.foldRun(c, entries[:min(len(entries), 1+s.p.w.random.IntN(maxFoldStep))])
		return true
	}
	return false
}

const maxFoldStep = 3 // inputs folded in one step

// foldRun folds a run of inputs, up to one that waits for its skip. Nothing follows when the process died.
func (s *session) foldRun(c *claim, run []*entry) {
	from := c.position
	for _, in := range run {
		if !s.p.foldOne(c, in) {
			return
		}
		if c.waits {
			break
		}
	}
	if c.position > from {
		s.p.endRun(c)
	}
}

// crash ends a process. Of what it had sent a prefix may still be on its way.
func (p *process) crash(why string) {
	p.w.note("%s dies: %s", p.name(), why)
	for _, q := range p.queues {
		if n := p.w.random.IntN(len(q.sent) + 1); n > 0 {
			p.w.ghosts = append(p.w.ghosts, &queue{topic: q.topic, partition: q.partition, sent: q.sent[:n:n]})
		}
	}
	p.group.coordinator.evict(p)
	if p.session != nil {
		for _, c := range append(p.session.claims, p.session.copies...) {
			if c.store != nil {
				c.store.closed = true
			}
		}
	}
	p.session, p.queues, p.slot.process = nil, nil, nil
}

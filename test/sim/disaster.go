// Disasters: what the system does not promise to survive, but to notice. A topic is made anew, a log loses its end, inputs
// are deleted before everybody had them, commits vanish. Then a process must stop with an alarm: nothing is skipped silently.

package sim

import (
	"slices"

	"github.com/parley-im/parley/topology/wire/law"
)

// Disaster is what befalls one partition, once, in the middle of a run.
type Disaster uint8

// The disasters.
const (
	NoDisaster Disaster = iota
	InputMadeAnew
	TableMadeAnew
	TableCut
	InputCut
	InputsDeleted
	CommitsGone
	disasters
)

var disasterNames = [disasters]string{"none", "an input made anew", "a changelog made anew", "a changelog cut short",
	"an input cut short", "inputs deleted too early", "commits gone, and the beginning of their input too"}

func (d Disaster) String() string { return disasterNames[d] }

// Disasters are all of them.
func Disasters() []Disaster {
	var all []Disaster
	for d := NoDisaster + 1; d < disasters; d++ {
		all = append(all, d)
	}
	return all
}

// befall lets the disaster happen as soon as there is something to lose. Nobody who saw what was before is left,
// or only sometimes, and some have lost their disks.
func (w *World) befall() {
	g := w.groups[w.random.IntN(len(w.groups))]
	n := w.random.IntN(partitions)
	if w.befell || !w.destroy(g, n) {
		return
	}
	w.befell = true
	w.note("disaster: %v, %s/%d", w.cfg.Disaster, g.name, n)
	if w.cfg.Disaster <= TableMadeAnew && w.random.IntN(2) == 0 {
		return // those who run must notice
	}
	for _, s := range g.slots { // with the rest, an owner that has read everything goes on, and nothing is lost
		if s.process != nil {
			s.process.crash("the disaster")
		}
	}
	w.ghosts = slices.DeleteFunc(w.ghosts, func(q *queue) bool { return q.topic == g.table || q.topic == g.real.Group.Input })
	for _, s := range g.slots {
		if w.random.IntN(3) == 0 {
			s.disks[n] = newDisk()
		}
	}
	if w.cfg.Disaster == InputCut { // nor may devices write in time
		for _, s := range g.slots {
			s.start()
		}
		for !w.alarmed && !g.folds(int32(n)) {
			for _, s := range g.slots {
				if s.process == nil {
					s.start()
				}
				s.process.run()
			}
			g.coordinator.step()
		}
	}
}

// folds reports whether somebody has taken a partition over.
func (g *group) folds(n int32) bool {
	return slices.ContainsFunc(g.slots, func(s *slot) bool {
		return s.process != nil && s.process.session != nil && s.process.session.phase == folding &&
			slices.ContainsFunc(s.process.session.claims, func(c *claim) bool { return c.partition == n })
	})
}

// destroy reports whether there was something to lose.
func (w *World) destroy(g *group, n int) bool {
	table, input, committed := w.log[g.table][n], w.log[g.real.Group.Input][n], g.coordinator.commits[n]
	if committed.offset <= 0 {
		return false
	}
	switch w.cfg.Disaster {
	case InputMadeAnew:
		*input = partition{id: input.id + 1, leader: input.leader}
	case TableMadeAnew:
		*table = partition{id: table.id + 1, leader: table.leader}
	case TableCut:
		if lost := table.end - committed.known() + 1; lost > 0 && committed.known() > 0 {
			table.truncate(lost + int64(w.random.IntN(3)))
			return true
		}
		return false
	case InputCut:
		input.truncate(input.end - committed.offset + 1)
	case InputsDeleted:
		w.foldStraight(g, int32(n))
		if committed.offset >= input.end {
			return false
		}
		input.start = input.end
	case CommitsGone:
		w.foldStraight(g, int32(n))
		g.coordinator.commits[n] = noCommit
		input.start = committed.offset
	}
	return true
}

// retain deletes the inputs of a group that no owner can need any more, as retention does that is longer than anybody
// stays stale and than any owner stays.
func (w *World) retain(g *group, n int) bool {
	input := w.log[g.real.Group.Input][n]
	w.foldStraight(g, int32(n))
	needed := g.coordinator.commits[n].offset
	rows, _ := w.lastRows(g, int32(n))
	best := map[string]int64{}
	announced := map[string]law.Standing{}
	for _, e := range w.log[g.table][n].entries {
		switch {
		case !e.table.Mark:
			best[e.Key] = max(best[e.Key], through(e.Value))
		case e.Value != nil && e.table.Skip == law.Skip{}: // who reads from before its tombstone suspects what stands between
			announced[e.Key] = law.Standing{Offset: e.Offset, Rank: e.table.Rank}
		}
	}
	takeovers := law.Walls(announced, law.Broken{})
	for key, last := range rows {
		if tainted(last, takeovers) || through(last.Value) < best[key] {
			needed = min(needed, through(last.Value))
		}
	}
	for _, s := range g.slots {
		for _, d := range [...]*disk{s.disks[n], s.backups[n]} {
			needed = min(needed, d.needs())
		}
		if s.process != nil {
			needed = min(needed, s.process.needs(int32(n)))
		}
	}
	for _, q := range w.ghosts {
		needed = min(needed, q.needs(g.table, int32(n)))
	}
	if needed <= input.start {
		return false
	}
	input.start += 1 + w.random.Int64N(needed-input.start)
	w.note("%s/%d begins at %d", g.real.Group.Input, n, input.start)
	return true
}

const forEver = int64(1) << 62

// needs is the lowest input that an owner with this disk may want again.
func (d *disk) needs() int64 {
	least := forEver
	for key := range d.entries[law.SuspectEntry] {
		least = min(least, through(d.rows()[key]))
	}
	return least
}

func (q *queue) needs(table string, n int32) int64 {
	least := forEver
	if q.topic != table || q.partition != n {
		return least
	}
	for _, s := range q.sent {
		if s.Kind == law.Row {
			least = min(least, through(s.entry.Value))
		}
	}
	return least
}

func (p *process) needs(n int32) int64 {
	least := forEver
	for _, q := range p.queues {
		least = min(least, q.needs(p.group.table, n))
	}
	for _, s := range p.tracks[n].unacked {
		if s.Kind == law.Row {
			least = min(least, through(s.entry.Value))
		}
	}
	if p.session == nil {
		return least
	}
	for _, c := range p.session.claims {
		if c.partition != n || c.store == nil {
			continue
		}
		if p.session.phase >= folding {
			least = min(least, c.position)
		} else {
			least = min(least, max(c.before.offset, 0))
		}
		for key, is := range c.store.suspects {
			if is {
				least = min(least, through(c.store.get(key)))
			}
		}
		for key := range c.Suspects {
			least = min(least, through(c.store.get(key)))
		}
	}
	return least
}

// idsOf are the incarnations of a group's topics.
func (w *World) idsOf(g *group) (ids [2][partitions]int) {
	for n := range partitions {
		ids[0][n], ids[1][n] = w.log[g.real.Group.Input][n].id, w.log[g.table][n].id
	}
	return ids
}

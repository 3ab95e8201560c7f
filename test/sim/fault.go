// Faults: what goes wrong, how often, and how it is drawn. Each seed draws which faults there are at all, so that some
// runs have many of one kind.

package sim

import "slices"

// swarm is what a seed draws about its faults.
type swarm struct {
	processes int
	weights   [len(faultNames)]int
	pushLoss  int // of 100 pushes
}

var faultNames = [...]string{"kill", "freeze", "thaw", "evict", "compact", "wipe", "restore", "ahead", "ghosts", "clock", "poison",
	"repeat", "drop", "flush", "follower", "leader", "nothing"}

// The weights of faults when they are switched on.
var faultMost = [len(faultNames)]int{6, 5, 6, 4, 6, 2, 2, 1, 10, 2, 2, 4, 8, 1, 4, 2, 10}

// drawSwarm draws a seed's faults. Thaws and ghosts are always there, lest what is frozen stays so.
func (w *World) drawSwarm() swarm {
	s := swarm{processes: 2 + w.random.IntN(mostProcesses-1), pushLoss: w.random.IntN(60)}
	for i, most := range faultMost {
		if w.random.IntN(4) > 0 || faultNames[i] == "thaw" || faultNames[i] == "ghosts" || faultNames[i] == "nothing" {
			s.weights[i] = 1 + w.random.IntN(most)
		}
	}
	if w.random.IntN(staleSeeds) == 0 { // only what makes stale owners, as much as there can be
		s.weights = [len(faultNames)]int{}
		for i, name := range faultNames {
			if slices.Contains(staleFaults, name) {
				s.weights[i] = faultMost[i]
			}
		}
	}
	return s
}

const staleSeeds = 4 // of which one has nothing but stale owners

var staleFaults = []string{"kill", "freeze", "thaw", "evict", "compact", "ghosts", "leader", "nothing"}

func (w *World) fault() {
	sum := 0
	for _, n := range w.swarm.weights {
		sum += n
	}
	at := w.random.IntN(sum)
	for i, n := range w.swarm.weights {
		if at -= n; at < 0 {
			if w.strike(faultNames[i]) {
				w.faults[faultNames[i]]++
			}
			return
		}
	}
}

func (w *World) strike(name string) bool {
	g := w.groups[w.random.IntN(len(w.groups))]
	s := g.slots[w.random.IntN(len(g.slots))]
	n := w.random.IntN(partitions)
	switch name {
	case "kill", "freeze", "thaw", "evict":
		return s.process != nil && w.strikeProcess(name, s)
	case "compact":
		w.note("%s/%d is compacted", g.table, n)
		w.log[g.table][n].compact()
	case "wipe", "restore", "ahead":
		return s.process == nil && w.strikeDisk(name, s, n)
	case "ghosts":
		if len(w.ghosts) == 0 {
			return false
		}
		w.landGhost(w.random.IntN(len(w.ghosts)), 1+w.random.IntN(maxNetStep))
	case "clock":
		w.strikeClock()
	case "poison":
		w.poison()
	case "repeat":
		return w.repeat()
	case "drop":
		return w.devices[w.random.IntN(len(w.devices))].drop()
	case "flush":
		v := w.views[w.random.IntN(len(w.views))]
		w.note("the store of the view of %s is flushed", v.topic)
		v.flush()
	case "follower":
		w.pushers[w.random.IntN(len(w.pushers))].restart()
		w.views[w.random.IntN(len(w.views))].restart()
	case "leader":
		return w.loseLeader()
	default: // a look at what must hold at any moment
		if !w.alarmed && w.random.IntN(lookEvery) == 0 {
			w.invariant("underway")
		}
		return false
	}
	return true
}

const (
	lookEvery = 6
	farAhead  = 1 << 20 // records; a log that has grown past such a store again could not tell
)

// strikeProcess: half of those who become stale are just taking over.
func (w *World) strikeProcess(name string, s *slot) bool {
	p := s.process
	if (name == "freeze" || name == "evict") && w.random.IntN(2) == 0 {
		for _, o := range s.group.slots {
			if q := o.process; q != nil && q.session != nil && (q.session.phase == announcing || q.session.phase == tailing) {
				p = q
			}
		}
	}
	switch name {
	case "kill":
		for i, d := range s.disks {
			if w.random.IntN(4) == 0 {
				s.backups[i] = d.clone()
			}
		}
		p.crash("kill -9")
	case "freeze":
		if p.frozen {
			return false
		}
		w.note("%s freezes", p.name())
		p.frozen = true
		if w.random.IntN(3) > 0 {
			s.group.coordinator.evict(p)
		}
	case "thaw":
		if !p.frozen {
			return false
		}
		w.note("%s wakes up", p.name())
		p.frozen = false
	case "evict":
		if !slices.Contains(s.group.coordinator.members, p) {
			return false
		}
		w.note("%s is given up by its group", p.name())
		s.group.coordinator.evict(p)
	}
	return true
}

// strikeDisk meets disks of places where no process runs.
func (w *World) strikeDisk(name string, s *slot, n int) bool {
	switch name {
	case "wipe":
		s.disks[n] = newDisk()
	case "restore":
		if s.backups[n].next > s.disks[n].next {
			return false
		}
		s.disks[n] = s.backups[n].clone()
	case "ahead": // of another house, or of a log that lost its end
		d := s.disks[n]
		for key, row := range d.rows {
			d.rows[key] = withThrough(row, through(row)+1000)
		}
		d.next = w.log[s.group.table][n].end + farAhead
	}
	w.note("disk %d of %s-%d: %s", n, s.group.name, s.number, name)
	return true
}

// poison writes what no gateway would.
func (w *World) poison() {
	var topics []string
	for _, g := range w.groups {
		topics = append(topics, g.real.Group.Input)
	}
	topic := topics[w.random.IntN(len(topics))]
	e := entry{generation: noGeneration}
	e.Key = persons[w.random.IntN(len(persons))]
	switch w.random.IntN(4) {
	case 0: // no value
	case 1:
		e.Key, e.Value = "", []byte{0xff}
	case 2:
		e.Value = []byte{0xff, 0xff, 0xff}
	default:
		e.Value = []byte{0xf8, 0x07, 0x01} // a word of a schema that is not known yet
	}
	w.note("poison for %s", topic)
	w.append(topic, int32(w.random.IntN(partitions)), e)
}

// repeat writes a command of a device once more, as a gateway does that heard no answer.
func (w *World) repeat() bool {
	p := w.log["outbox.commands"][w.random.IntN(partitions)]
	if len(p.entries) == 0 {
		return false
	}
	old := p.entries[w.random.IntN(len(p.entries))]
	e := entry{generation: noGeneration}
	e.Key, e.Value = old.Key, old.Value
	w.append("outbox.commands", old.Partition, e)
	return true
}

// loseLeader: what is acked by all replicas stays; acks=1 loses an end that was acked.
func (w *World) loseLeader() bool {
	if !w.broken(AcksOne) {
		return false
	}
	t := w.plan.Topics[w.random.IntN(len(w.plan.Topics))].Name
	n := w.random.IntN(partitions)
	w.note("the leader of %s/%d is lost", t, n)
	w.log[t][n].truncate(int64(1 + w.random.IntN(3)))
	return true
}

// Faults: what goes wrong, how often, and how it is drawn. Each seed draws which faults there are at all, so that some
// runs have many of one kind.

package sim

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// swarm is what a seed draws about its faults.
type swarm struct {
	processes int
	weights   [len(faultNames)]int
	pushLoss  int // of 100 pushes
	strife    bool
}

var faultNames = [...]string{"kill", "freeze", "thaw", "evict", "compact", "wipe", "restore", "ahead", "ghosts", "clock", "poison",
	"repeat", "drop", "flush", "follower", "leader", "nothing", "slow view", "ban", "deploy", "activate", "panic", "commits gone",
	"retention", "stack", "flaw"}

// The weights of faults when they are switched on.
var faultMost = [len(faultNames)]int{6, 5, 6, 4, 6, 2, 2, 1, 10, 2, 2, 4, 8, 1, 4, 2, 10, 2, 2, 2, 6, 2, 1, 2, 3, 3}

// drawSwarm draws a seed's faults. Thaws and ghosts are always there, or what is frozen would stay so.
func (w *World) drawSwarm() swarm {
	s := swarm{processes: 2 + w.random.IntN(mostProcesses-1), pushLoss: w.random.IntN(60), strife: w.random.IntN(3) == 0}
	for i, most := range faultMost {
		if w.random.IntN(2) > 0 || faultNames[i] == "thaw" || faultNames[i] == "ghosts" || faultNames[i] == "nothing" {
			s.weights[i] = 1 + w.random.IntN(most)
		}
	}
	if w.random.IntN(staleSeeds) == 0 || w.cfg.Stale { // only what makes stale owners, as much as there can be
		s.weights = [len(faultNames)]int{}
		for i, name := range faultNames {
			rare := slices.Contains(rareFaults, name) && w.random.IntN(2) == 0
			if rare || slices.Contains(staleFaults, name) {
				s.weights[i] = 1 + w.random.IntN(staleMost*faultMost[i])
			}
		}
	}
	return s
}

const (
	staleSeeds = 4 // of which one has nothing but stale owners
	staleMost  = 4 // times the weight of other seeds
)

var staleFaults = []string{"kill", "freeze", "thaw", "evict", "compact", "wipe", "restore", "ghosts", "leader", "nothing", "stack", "flaw"}

// rareFaults are in one of two such seeds: they move the ground on which stale owners stand.
var rareFaults = []string{"retention", "commits gone"}

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
		if w.random.IntN(flushEvery) > 0 {
			return false
		}
		w.note("the store of the view of %s is flushed", v.topic)
		v.flush()
	case "follower":
		w.pushers[w.random.IntN(len(w.pushers))].restart()
		w.views[w.random.IntN(len(w.views))].restart()
	case "leader":
		return w.loseLeader()
	case "slow view":
		v := w.views[w.random.IntN(len(w.views))]
		v.asleepUntil = w.ticks + w.random.IntN(slowMost)
	case "ban":
		w.ban()
	case "deploy":
		return w.deploy(s)
	case "activate":
		return w.activate()
	case "panic":
		return s.process != nil && s.process.doom()
	case "commits gone":
		return w.random.IntN(forgetEvery) == 0 && g.coordinator.forget(n)
	case "retention":
		return w.retain(g, n)
	case "flaw":
		w.flaw()
	case "stack":
		return w.stack(g)
	default: // a check of what must hold at any moment
		if !w.alarmed && w.random.IntN(sampleEvery) == 0 {
			w.invariant("underway")
		}
		return false
	}
	return true
}

const (
	lostMachine = 6 // of the kills, one after which a disk is gone
	sampleEvery = 8
	forgetEvery = 3       // of the commits that are to be lost; an input is then folded again from its start
	flushEvery  = 3       // of the flushes that are drawn; each makes a view fold everything again
	slowMost    = 400     // ticks that a view stands still
	farAhead    = 1 << 20 // records; a log that has grown past such a store again could not tell
)

// stack freezes the owner of a partition and gives it up, whoever that is by now: often enough, stale owners wait upon each
// other. Half of them have just announced their takeover, and nobody has read it.
func (w *World) stack(g *group) bool {
	just := w.random.IntN(2) == 0
	for _, s := range g.slots {
		p := s.process
		if p != nil && !p.frozen && p.session != nil && len(p.session.claims) > 0 && (p.session.phase == announcing || !just) {
			w.note("%s freezes and is given up", p.name())
			p.frozen = true
			g.coordinator.evict(p)
			return true
		}
	}
	return false
}

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
		if w.random.IntN(lostMachine) == 0 {
			s.disks[w.random.IntN(partitions)] = newDisk()
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

// strikeDisk changes disks of slots where no process runs.
func (w *World) strikeDisk(name string, s *slot, n int) bool {
	switch name {
	case "wipe":
		s.disks[n] = newDisk()
	case "restore":
		if s.backups[n].next > s.disks[n].next {
			return false
		}
		s.disks[n] = s.backups[n].clone()
	case "ahead": // of another deployment, or of a log that lost its end
		d := s.disks[n]
		for key, row := range d.rows() {
			d.rows()[key] = withThrough(row, through(row)+1000)
		}
		d.next = w.log[s.group.table][n].end + farAhead
	}
	w.note("disk %d of %s-%d: %s", n, s.group.name, s.number, name)
	return true
}

// repeat writes a command of a device once more, late, as a gateway does that got no answer, or delivers an event to a device
// again, long after.
func (w *World) repeat() bool {
	topics := [...]string{"outbox.commands", "outbox.commands", "bookmark.commands", "account.commands", "inbox.events"}
	topic := topics[w.random.IntN(len(topics))]
	p := w.log[topic][w.random.IntN(partitions)]
	if len(p.entries) == 0 {
		return false
	}
	old := p.entries[w.random.IntN(len(p.entries))]
	if topic == "inbox.events" {
		for _, d := range w.devices {
			if d.user == old.Key && d.line != nil {
				d.line.pushes = slices.Insert(d.line.pushes, w.random.IntN(len(d.line.pushes)+1), old.inboxEvent())
			}
		}
		return true
	}
	if old.Get(topology.HeaderCause) != nil || old.Key == topology.RulesKey || w.poisoned[inputAt{topic, old.Partition, old.Offset}] != 0 {
		return false // what processes emit is repeated by processes
	}
	e := entry{}
	e.Key, e.Value = old.Key, old.Value
	w.append(topic, old.Partition, e)
	return true
}

// ban lets a moderator suspend a person, or end that, while the person sends.
func (w *World) ban() (topic string, n int32, offset int64) {
	e := entry{}
	e.Key = persons[w.random.IntN(len(persons))]
	standing := pb.Standing_STANDING_ACTIVE
	if w.random.IntN(6) == 0 {
		standing = pb.Standing_STANDING_SUSPENDED
	}
	e.Value = marshal(&pb.AccountCommand{Word: &pb.AccountCommand_SetStanding{SetStanding: &pb.SetAccountStanding{Standing: standing}}})
	w.note("%s is given %v", e.Key, standing)
	topic, n = "account.commands", topology.PartitionOf(e.Key, partitions)
	return topic, n, w.append(topic, n, e)
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

// The world: everything that happens, in the order that one seed draws.

package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/topology"
)

// Sizes of the simulated system.
const (
	partitions    = 2 // few, so that people share them
	fanOut        = 4
	logEpoch      = 2 // so that a device can come from an earlier one
	mostProcesses = 4 // of a group
	maxTicks      = 400
	maxRounds     = 4000 // of the quiet time, until everybody must have nothing left to do
)

// Config says what to run.
type Config struct {
	Seed     uint64
	Commands int          // asked by devices
	Mutant   Mutant       // 0 = nothing is broken
	Stale    bool         // only the faults that make stale owners
	Disaster Disaster     // 0 = none; otherwise one that must end in an alarm
	Trace    func(string) // gets a line for each thing that happens; nil = nobody
}

// Result is what a run came to.
type Result struct {
	Seed     uint64
	Report   *check.Report
	Alarm    string // the kind of the one that ended the run
	Faults   map[string]int
	Records  int
	Repeats  int // records that were emitted again and dropped
	Ticks    int
	Takeover struct{ Count, Rewound, Suspects int }
}

// machine is a group's fold.
type machine = topology.Machine

// World is one run.
type World struct {
	cfg    Config
	plan   topology.Plan
	random *rand.Rand
	log    topicLog
	tables map[string]bool // topics that are changelogs
	groups []*group
	ghosts []*queue // of dead producers: a prefix of what they had sent, still on its way
	trueMs int64
	clocks [brokers + gateways]clock
	swarm  swarm
	ticks  int
	issued int
	healed bool

	devices   []*device
	inboxes   *inboxView
	history   *historyView
	marks     *newestView
	views     []*view
	pushers   []*pusher
	checker   *check.Checker
	shown     []check.Event // by devices; memory that worlds hand on to each other
	alarmed   bool
	befell    bool // the disaster
	faults    map[string]int
	straights map[lineKey]*straight
	poisoned  map[inputAt]pb.Failing
	flaws     map[inputAt]*flaw
	known     uint32 // newest rules of the machines as they are
	rollout   rollout
	counters  map[string]uint64 // outside of the log: only mutants use them
	refused   map[string]int64  // likewise: cause -> the first input that was refused because of it
	result    Result
}

// planOf is the plan with few partitions.
func planOf() topology.Plan {
	plan := topology.House()
	plan.Partitions, plan.FanOut, plan.Epoch = partitions, fanOut, logEpoch
	return plan
}

func newWorld(cfg Config) *World {
	w := &World{
		cfg: cfg, plan: planOf(), random: rand.New(rand.NewPCG(cfg.Seed, 0x9a41)), trueMs: begin,
		checker: check.New(check.Limits{}), faults: map[string]int{}, counters: map[string]uint64{}, refused: map[string]int64{}, straights: map[lineKey]*straight{},
		poisoned: map[inputAt]pb.Failing{}, flaws: map[inputAt]*flaw{},
	}
	w.log, w.tables = newLog(w.plan), map[string]bool{}
	for _, g := range w.plan.Groups {
		w.tables[w.plan.Table(g.Name)] = true
	}
	if m, ok := memory.Get().(*[]check.Event); ok {
		w.shown = *m
	}
	w.swarm = w.drawSwarm()
	for _, m := range processors.Machines(w.plan) {
		w.known = m.MaxRules
		real := w.variant(ruled(m))
		g := &group{w: w, name: m.Group.Name, table: w.plan.Table(m.Group.Name), real: &real}
		g.coordinator = &coordinator{w: w, group: g}
		for range w.plan.Partitions {
			g.coordinator.commits = append(g.coordinator.commits, noCommit)
		}
		for i := range w.swarm.processes {
			s := &slot{group: g, number: i, binary: w.known, standby: w.random.IntN(3) == 0}
			for range w.plan.Partitions {
				s.disks, s.backups = append(s.disks, newDisk()), append(s.backups, newDisk())
			}
			g.slots = append(g.slots, s)
			s.start()
		}
		w.groups = append(w.groups, g)
	}
	w.openViews()
	w.openDevices()
	return w
}

// memory of what devices showed, for the next world.
var memory sync.Pool

// Run runs a seed. The same configuration gives the same result.
func Run(cfg Config) (result Result) {
	w := newWorld(cfg)
	defer func() {
		if p := recover(); p != nil {
			w.add(check.Event{Kind: check.Compare, What: check.State, Key: "the run", Got: fmt.Sprintf("a panic: %v", p), Want: "none"})
			result = w.end()
		}
	}()
	for w.issued < cfg.Commands && w.ticks < maxTicks*cfg.Commands && !w.alarmed {
		if w.tick(); cfg.Disaster != NoDisaster && w.issued > cfg.Commands/2 {
			w.befall()
		}
	}
	if !w.noticed() {
		w.heal()
		w.quiesce("after the faults")
	}
	if w.noticed() {
		return w.end()
	}
	w.invariant("when all is quiet")
	w.rebuild()
	w.quiesce("with all stores wiped")
	w.prove()
	w.naive()
	w.finalReads()
	w.proveViews()
	return w.end()
}

func (w *World) end() Result {
	r := w.result
	r.Seed, r.Faults, r.Ticks = w.cfg.Seed, w.faults, w.ticks
	for _, t := range w.plan.Topics {
		for _, p := range w.log[t.Name] {
			r.Records += len(p.entries)
		}
	}
	report, err := w.checker.Close()
	if err != nil {
		panic(err)
	}
	r.Report = report
	clear(w.shown)
	w.shown = w.shown[:0]
	memory.Put(&w.shown)
	return r
}

// tick lets one of all do one thing.
func (w *World) tick() {
	w.ticks++
	switch n := w.random.IntN(100); {
	case n < 72:
		g := w.groups[w.random.IntN(len(w.groups))]
		s := g.slots[w.random.IntN(len(g.slots))]
		switch {
		case s.process == nil:
			if w.random.IntN(40) == 0 {
				s.start()
			}
		case !s.process.frozen:
			s.process.step()
		case w.random.IntN(8) == 0: // what left a frozen process before may land
			if q := s.process.some(func(q *queue) bool { return len(q.sent) > 0 }); q != nil {
				w.land(q, 1)
			}
		}
	case n < 84:
		w.devices[w.random.IntN(len(w.devices))].step()
	case n < 92:
		w.views[w.random.IntN(len(w.views))].step()
	case n < 95:
		w.pushers[w.random.IntN(len(w.pushers))].step()
	case n < 98:
		w.groups[w.random.IntN(len(w.groups))].coordinator.step()
	default:
		w.fault()
	}
}

// heal ends all faults: who is frozen goes on, who is dead starts, what hangs lands.
func (w *World) heal() {
	w.note("heal")
	w.add(check.Event{Kind: check.Heal, AtMs: int64(w.ticks)})
	w.healed = true
	w.invariant("at the heal")
	for len(w.ghosts) > 0 {
		w.landGhost(w.random.IntN(len(w.ghosts)), 1)
	}
	for _, g := range w.groups {
		for _, s := range g.slots {
			s.binary = w.known + laterRules
			if s.process == nil {
				s.start()
			}
			s.process.frozen, s.process.doomed = false, false
		}
	}
	for _, v := range w.views {
		v.asleepUntil = 0
	}
	for _, d := range w.devices {
		d.drop()
		d.connect()
	}
}

// quiesce lets everybody do everything until nobody has anything left.
func (w *World) quiesce(when string) {
	for range maxRounds {
		ran := false
		for _, g := range w.groups {
			for _, s := range g.slots {
				ran = s.process.run() || ran
			}
			ran = g.coordinator.step() || ran
		}
		for _, v := range w.views {
			ran = v.run() || ran
		}
		for _, d := range w.devices {
			ran = d.run() || ran
		}
		if w.ticks++; !ran {
			return
		}
	}
	w.damage(check.Late, "everything "+when, "still not quiet", "quiet")
}

// rebuild wipes every local store, compacts as hard as can be, and starts everybody anew.
func (w *World) rebuild() {
	for _, g := range w.groups {
		for _, p := range w.log[g.table] {
			p.compact()
		}
		for _, s := range g.slots {
			s.process.crash("all stores are wiped")
			for i := range s.disks {
				s.disks[i] = newDisk()
			}
		}
		for _, s := range g.slots {
			s.start()
		}
	}
	w.ghosts = nil
}

func (w *World) landGhost(i, n int) {
	w.land(w.ghosts[i], n)
	if w.ghosts[i].landed = nil; len(w.ghosts[i].sent) == 0 {
		w.ghosts = append(w.ghosts[:i], w.ghosts[i+1:]...)
	}
}

func (w *World) note(format string, a ...any) {
	if w.cfg.Trace != nil {
		w.cfg.Trace(fmt.Sprintf("%6d  ", w.ticks) + fmt.Sprintf(format, a...))
	}
}

// add gives an event to the checker.
func (w *World) add(e check.Event) {
	if e.AtMs == 0 {
		e.AtMs = int64(w.ticks)
	}
	if err := w.checker.Add(e); err != nil {
		panic(err)
	}
}

// damage reports to the checker something that is not as it must be.
func (w *World) damage(letter check.Letter, key, got, want string) {
	if got != want {
		w.note("%s: %s is %s and must be %s", letter, key, got, want)
		w.add(check.Event{Kind: check.Compare, What: letter, Key: key, Got: got, Want: want})
	}
}

// noticed reports whether the disaster of this run has had its alarm.
func (w *World) noticed() bool { return w.alarmed && w.cfg.Disaster != NoDisaster }

// alarm is what ends a process for good: something is gone that was acknowledged. No fault may cause one, and every
// disaster must.
func (w *World) alarm(kind, format string, a ...any) {
	switch {
	case w.broken(AlarmsOff) || w.alarmed:
		return
	case w.cfg.Disaster == NoDisaster:
		w.damage(check.State, "alarms", kind+": "+fmt.Sprintf(format, a...), "none")
	}
	w.note("alarm: %s: "+format, append([]any{kind}, a...)...)
	w.alarmed, w.result.Alarm = true, kind
}

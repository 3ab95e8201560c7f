// Faults at points: a process of processors dies, or stands still, at exactly the step that is named.

package system

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/parley-im/parley/topology/wire/failpoint"
)

const (
	trapLook   = 10 * time.Millisecond
	staleTries = 6 // owners made stale, until one of them leaves a row that must be rewritten
	tookOver   = "owning partitions"
	rewritten  = 20 * time.Second // after which its wake has led to the takeovers that do so, or to none
	lureAnew   = time.Minute      // after which a process that did not come to its point is lured once more
)

// mortal is a point at which a process dies.
type mortal struct {
	point  failpoint.Point
	within int                                   // it dies there the first time, or up to so many times later
	lure   func(w *world, victim, other *member) // brings it there; nil = the load does
}

// tours are points that are come by one after the other, each once.
var tours = []struct {
	name  string
	stops []mortal
}{
	{"failpoints of inputs", []mortal{
		{failpoint.Fetched, 60, nil}, {failpoint.OutputsSome, 20, nil}, {failpoint.OutputsAll, 60, nil},
		{failpoint.ChangelogSent, 60, nil}, {failpoint.ChangelogAcked, 60, nil}, {failpoint.StoreWritten, 20, nil},
		{failpoint.CommitBefore, 5, nil}, {failpoint.CommitAfter, 5, nil},
	}},
	{"failpoints of sessions", []mortal{
		{failpoint.Recovery, 60, lureWiped}, {failpoint.Revoke, 3, lureAway}, {failpoint.RevokeDrained, 3, lureAway},
	}},
	{"failpoints of takeovers", []mortal{
		{failpoint.TakeoverBefore, 12, lureAgain}, {failpoint.TakeoverWritten, 12, lureAgain}, {failpoint.TakeoverRead, 12, lureAgain},
		{failpoint.TakeoverCommitted, 4, lureAgain}, {failpoint.TakeoverFenced, 4, lureAgain}, {failpoint.TakeoverRetired, 6, lureAgain},
	}},
}

// failpointFaults are class 2: a death at each point, a stale owner's rows rewritten by an owner that dies of it, and
// owners that stand still at any point of their work.
func failpointFaults() []fault {
	var all []fault
	for _, t := range tours {
		all = append(all, fault{2, t.name, 1, processing, func(w *world) (last time.Time) {
			for i, at := range w.rand.Perm(len(t.stops)) { // one process dies while the other begins anew
				last = t.stops[at].dies(w, w.processors[i%len(w.processors)], w.processors[(i+1)%len(w.processors)])
			}
			return last
		}})
	}
	return append(all, fault{2, "failpoint " + string(failpoint.TakeoverRewritten), 1, processing | brokers | load, diesRewriting},
		fault{2, "failpoint, frozen there", 2, processing, standsStill})
}

// dies lets a process die at the point.
func (p mortal) dies(w *world, victim, other *member) time.Time {
	victim.arm(p.point, "kill", w.rand.IntN(p.within))
	p.comes(w, victim, other)
	return victim.fallen()
}

// comes waits until the victim has come to the point. It is lured again and again: a process that is told to end, or begins
// anew, before it has read where it is to die passes by.
func (p mortal) comes(w *world, victim, other *member) {
	came := false
	for end := time.Now().Add(recoveryPatience); !came && time.Now().Before(end); {
		if p.lure == nil {
			came = sprung(recoveryPatience, victim)
			break
		}
		p.lure(w, victim, other)
		came = sprung(lureAnew, victim)
	}
	if !came {
		w.t.Errorf("%s does not come to %s: %s", victim.name, p.point, victim.lastWords())
	}
	w.fell(p.point)
}

// fell counts a death, or a freeze, at a point.
func (w *world) fell(at failpoint.Point) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.falls == nil {
		w.falls = map[failpoint.Point]int{}
	}
	w.falls[at]++
}

// fallen says for the report how often processes died, or stood still, at each point.
func (w *world) fallen() (words string, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range slices.Sorted(maps.Keys(w.falls)) {
		words += fmt.Sprintf(" %s %d", at, w.falls[at])
		all += w.falls[at]
	}
	return words, all
}

// two are the processes of processors, in any order.
func (w *world) two() (victim, other *member) {
	i := w.rand.IntN(len(w.processors))
	return w.processors[i], w.processors[(i+1)%len(w.processors)]
}

// lureAgain lets the process begin anew.
func lureAgain(_ *world, victim, _ *member) { victim.kill() }

// lureWiped lets it begin anew without its tables, so that it reads all of them back.
func lureWiped(w *world, victim, _ *member) {
	victim.down()
	w.must("remove the tables", os.RemoveAll(victim.data+"/tables"))
	victim.back()
}

// lureAway ends its sessions: it is told to end, or gets the partitions of the other one, which stands still.
func lureAway(w *world, victim, other *member) {
	if w.rand.IntN(2) == 0 {
		victim.running()
		victim.signal(syscall.SIGTERM, true)
		return
	}
	other.freeze(overSession)
}

// diesRewriting makes stale owners until somebody who makes their rows good again has died of it.
func diesRewriting(w *world) time.Time {
	for range staleTries {
		if w.diesOfStaleRows() {
			return time.Now()
		}
	}
	w.t.Errorf("nobody comes to %s after %d stale owners", failpoint.TakeoverRewritten, staleTries)
	return time.Now()
}

// diesOfStaleRows makes a stale owner: it stands still when its outputs are acked, sends the rows that it held back when it
// wakes and others own them, and whoever makes them good dies of it. Nobody talks meanwhile: a row that is written once more
// before the next takeover is good by that.
func (w *world) diesOfStaleRows() bool {
	stale, other := w.two()
	stale.arm(failpoint.OutputsAll, "freeze", w.rand.IntN(60))
	if !sprung(recoveryPatience, stale) {
		w.t.Errorf("%s does not come to %s: %s", stale.name, failpoint.OutputsAll, stale.lastWords())
	}
	w.crowd.still.Store(true)
	defer w.crowd.still.Store(false)
	frozen := time.Now()
	time.Sleep(overSession)
	if !w.says(tookOver, frozen, other) {
		w.t.Errorf("%s does not take over what %s has: %s", other.name, stale.name, other.lastWords())
	}
	for _, m := range []*member{stale, other} {
		m.arm(failpoint.TakeoverRewritten, "kill", 0)
	}
	stale.signal(syscall.SIGCONT, false)
	came := sprung(rewritten, stale, other)
	for _, m := range []*member{stale, other} {
		if m.cameThere() {
			w.fell(failpoint.TakeoverRewritten)
			m.fallen()
		}
		m.disarm()
	}
	return came
}

// standsStill freezes a process at a point until others own what it has, and wakes it.
func standsStill(w *world) time.Time {
	victim, other := w.two()
	stops := tours[w.rand.IntN(len(tours))].stops
	p := stops[w.rand.IntN(len(stops))]
	victim.arm(p.point, "freeze", w.rand.IntN(p.within))
	p.comes(w, victim, other)
	w.note("%s stands still at %s", victim.name, p.point)
	time.Sleep(overSession)
	victim.disarm()
	victim.signal(syscall.SIGCONT, false)
	return time.Now()
}

// arm says where the process dies or stands still; it may run already.
func (m *member) arm(at failpoint.Point, how string, after int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trapped = true
	// Written aside and renamed: half a file is no point.
	line := fmt.Sprintf("%s=%s after %d\n", at, how, after)
	if err := os.WriteFile(m.trap+".new", []byte(line), 0o600); err == nil {
		_ = os.Rename(m.trap+".new", m.trap) // a trap that is not there is never sprung, which is told
	}
}

func (m *member) disarm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trapped = false
	_ = os.Remove(m.trap)
}

// sprung waits until one of the processes has come to its point.
func sprung(within time.Duration, members ...*member) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(trapLook) {
		for _, m := range members {
			if m.cameThere() {
				return true
			}
		}
	}
	return false
}

// cameThere reports whether the process has come to its point: it removes the file there.
func (m *member) cameThere() bool {
	_, err := os.Stat(m.trap)
	return os.IsNotExist(err)
}

// byTrap reports whether a process that has just ended did so at its point. It is called with the lock.
func (m *member) byTrap() bool {
	by := m.trapped && m.cameThere()
	m.trapped = m.trapped && !by
	return by
}

// fallen waits until the process that came to its point is gone.
func (m *member) fallen() time.Time {
	for end := time.Now().Add(recoveryPatience); time.Now().Before(end); time.Sleep(trapLook) {
		m.mu.Lock()
		trapped := m.trapped
		m.mu.Unlock()
		if !trapped {
			break
		}
	}
	m.disarm()
	return time.Now()
}

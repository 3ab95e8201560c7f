// Faults at points: a process of processors dies, or stands still, at exactly the step that is named.

package system

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/parley-im/parley/topology/wire"
)

const trapLook = 10 * time.Millisecond

// mortal is a point at which a process dies.
type mortal struct {
	point  wire.Point
	within int                                   // it dies there the first time, or up to so many times later
	lure   func(w *world, victim, other *member) // brings it there; nil = the load does
}

var mortals = []mortal{
	{wire.PointFetched, 60, nil}, {wire.PointOutputsSome, 20, nil}, {wire.PointOutputsAll, 60, nil},
	{wire.PointChangelogSent, 60, nil}, {wire.PointChangelogAcked, 60, nil}, {wire.PointStoreWritten, 20, nil},
	{wire.PointCommitBefore, 5, nil}, {wire.PointCommitAfter, 5, nil},
	{wire.PointRecovery, 60, lureWiped}, {wire.PointRevoke, 3, lureAway}, {wire.PointRevokeDrained, 3, lureAway},
	{wire.PointTakeoverBefore, 12, lureAgain}, {wire.PointTakeoverWritten, 12, lureAgain}, {wire.PointTakeoverRead, 12, lureAgain},
	{wire.PointTakeoverCommitted, 4, lureAgain}, {wire.PointTakeoverFenced, 4, lureAgain}, {wire.PointTakeoverRetired, 6, lureAgain},
}

// failpointFaults are class 2: a death at each point, a stale owner's rows rewritten by an owner that dies of it, and
// owners that stand still at any point of their work.
func failpointFaults() []fault {
	var all []fault
	for _, m := range mortals {
		all = append(all, fault{2, "failpoint " + string(m.point), 1, processing, m.dies})
	}
	return append(all, fault{2, "failpoint " + string(wire.PointTakeoverRewritten), 1, processing, diesRewriting},
		fault{2, "failpoint, frozen there", 2, processing, standsStill})
}

// dies lets a process die at the point.
func (p mortal) dies(w *world) time.Time {
	victim, other := w.two()
	victim.arm(p.point, "kill", w.rand.IntN(p.within))
	if p.lure != nil {
		p.lure(w, victim, other)
	}
	if !sprung(victim) {
		w.t.Errorf("%s does not come to %s: %s", victim.name, p.point, victim.lastWords())
	}
	return victim.fallen()
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
	victim.running()
	victim.mu.Lock()
	victim.away = true
	victim.mu.Unlock()
	victim.signal(syscall.SIGKILL, true)
	victim.mu.Lock()
	for victim.cmd != nil {
		victim.cond.Wait()
	}
	victim.mu.Unlock()
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

// diesRewriting makes a stale owner: it stands still when its outputs are acked, sends the rows that it held back when it
// wakes and others own them, and whoever makes them good dies of it.
func diesRewriting(w *world) time.Time {
	stale, other := w.two()
	stale.arm(wire.PointOutputsAll, "freeze", w.rand.IntN(60))
	if !sprung(stale) {
		w.t.Errorf("%s does not come to %s: %s", stale.name, wire.PointOutputsAll, stale.lastWords())
	}
	time.Sleep(overSession)
	for _, m := range []*member{stale, other} {
		m.arm(wire.PointTakeoverRewritten, "kill", 0)
	}
	stale.signal(syscall.SIGCONT, false)
	if !sprung(stale, other) {
		w.t.Errorf("nobody comes to %s: %s | %s", wire.PointTakeoverRewritten, stale.lastWords(), other.lastWords())
	}
	for _, m := range []*member{stale, other} {
		if m.cameThere() {
			m.fallen()
		}
		m.disarm()
	}
	return time.Now()
}

// standsStill freezes a process at a point until others own what it has, and wakes it.
func standsStill(w *world) time.Time {
	victim, other := w.two()
	p := mortals[w.rand.IntN(len(mortals))]
	victim.arm(p.point, "freeze", w.rand.IntN(p.within))
	if p.lure != nil {
		p.lure(w, victim, other)
	}
	if !sprung(victim) {
		w.t.Errorf("%s does not come to %s: %s", victim.name, p.point, victim.lastWords())
	}
	w.note("%s stands still at %s", victim.name, p.point)
	time.Sleep(overSession)
	victim.disarm()
	victim.signal(syscall.SIGCONT, false)
	return time.Now()
}

// arm says where the process dies or stands still; it may run already.
func (m *member) arm(at wire.Point, how string, after int) {
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
func sprung(members ...*member) bool {
	for end := time.Now().Add(recoveryPatience); time.Now().Before(end); time.Sleep(trapLook) {
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

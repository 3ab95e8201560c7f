// Faults of processes: killed, frozen, restarted in good order, joining and leaving.

package system

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	recovering  = 600 * time.Millisecond // after its start a process reads its tables, or begins to
	overSession = sessionTimeout + 2*time.Second
	stormBeat   = 2 * time.Second // between a member's coming and its going
	stormBeats  = 6
)

func (w *world) any(members []*member) *member { return members[w.rand.IntN(len(members))] }

func killProcessors(w *world) time.Time { return w.any(w.processors).kill() }

// killRecovering kills a process, and again when it has just started, and again.
func killRecovering(w *world) time.Time {
	m := w.any(w.processors)
	m.kill()
	for range 2 {
		time.Sleep(restartAfter + recovering + rand.N(recovering))
		m.kill()
	}
	return time.Now()
}

func killViews(w *world) time.Time      { return w.views.kill() }
func killKeys(w *world) time.Time       { return w.keys.kill() }
func killDispatcher(w *world) time.Time { return w.any(w.dispatchers).kill() }
func killGateway(w *world) time.Time    { return w.any(w.gateways).kill() }

func freezeProcessors(w *world) time.Time { return w.any(w.processors).freeze(overSession) }
func freezeViews(w *world) time.Time      { return w.views.freeze(overSession) }
func freezeGateway(w *world) time.Time    { return w.any(w.gateways).freeze(overSession) }
func freezeDispatcher(w *world) time.Time { return w.any(w.dispatchers).freeze(overSession) }

// rollingRestart ends every process in good order, of each kind the next when the last is ready again.
func rollingRestart(w *world) time.Time {
	var wg sync.WaitGroup
	for _, kind := range [][]*member{w.processors, w.gateways, w.dispatchers, {w.views}, {w.keys}} {
		wg.Go(func() {
			for _, m := range kind {
				if !m.restart() {
					w.t.Errorf("%s is not ready after a restart: %s", m.name, m.lastWords())
				}
			}
		})
	}
	wg.Wait()
	return time.Now()
}

// rebalanceStorm lets a third process of processors come and go.
func rebalanceStorm(w *world) time.Time {
	w.spareOnce.Do(func() { w.spare.away = true; w.spare.keep() })
	for range stormBeats / 2 {
		w.spare.back()
		time.Sleep(stormBeat)
		w.spare.rest()
		time.Sleep(stormBeat)
	}
	return time.Now()
}

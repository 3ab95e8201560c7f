// How often the roles of a process collect garbage: about every two seconds, whatever they do. Who is busy lets much garbage
// gather, because memory is cheaper than time; who has only idle connections lets little, because nothing else is in the way
// of more of them. A process that comes to rest gives back at once what it holds and does not need; the runtime alone would
// take minutes to collect it, and more to return it.

package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	collectEvery = 2 * time.Second
	garbageMost  = 400 // percent of what is alive; roles keep little (rows and queues) and make much. GOMEMLIMIT still bounds the whole
	garbageLeast = 20  // percent of what is alive

	lookEvery   = 5 * time.Second
	restsFor    = 2 * time.Minute // for which a process has enough, at the pace of the last look, in what it would give back
	worthGiving = 16 << 20        // bytes; for less nobody collects on purpose
	worthShare  = 25              // percent of what is alive, the same; more than garbageLeast, so that the pace has collected before
)

// collectInPace is for processes that run for long, until ctx ends. Whoever sets GOGC has decided.
func collectInPace(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageMost)
		afterCollection(time.Now(), 0)
		go giveBackAtRest(ctx)
	}
}

// collected is garbage from the beginning: its finalizer tells of a collection.
type collected struct{ _ [64]byte }

// afterCollection sets the pace of the next collection by what was made since the last, and waits for it.
func afterCollection(last time.Time, before uint64) {
	made := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(made)
	now, total := time.Now(), made[0].Value.Uint64()
	if before > 0 {
		debug.SetGCPercent(garbagePercent(total-before, made[1].Value.Uint64(), now.Sub(last)))
	}
	runtime.SetFinalizer(new(collected), func(*collected) { afterCollection(now, total) })
}

// garbagePercent is how much garbage may gather, in percent of what is alive, for it to last until the next collection.
func garbagePercent(made, alive uint64, in time.Duration) int {
	until := float64(made) / max(in.Seconds(), 0.001) * collectEvery.Seconds()
	return int(min(max(until/max(float64(alive), 1)*100, garbageLeast), garbageMost))
}

// giveBackAtRest looks every few seconds at what the process holds.
func giveBackAtRest(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for k := (keeper{made: heldNow().made}); ; k.look() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// held is a look at the heap, in bytes.
type held struct {
	made  uint64 // in all
	alive uint64 // at the last collection
	spare uint64 // held beyond that: garbage, gaps between what is alive, and what was collected and not returned
}

func heldNow() held {
	look := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(look)
	h := held{made: look[0].Value.Uint64(), alive: look[1].Value.Uint64()}
	for _, class := range look[2:] {
		h.spare += class.Value.Uint64()
	}
	h.spare -= min(h.alive, h.spare)
	return h
}

// keeper remembers the last look, and the last giving.
type keeper struct {
	made uint64 // until the last look
	left uint64 // spare, and could not be given back: gaps
}

// look gives back what the process does not need, if it rests.
func (k *keeper) look() {
	if k.gives(heldNow()) {
		debug.FreeOSMemory()
		k.left = heldNow().spare
	}
}

// gives says whether a process should give back: what it holds beyond the gaps of the last time is worth it, and would last
// for long at the pace of the last look. Who is busy spends in two seconds what is spare, and is never asked to.
func (k *keeper) gives(h held) bool {
	lately := h.made - k.made
	k.made, k.left = h.made, min(k.left, h.spare)
	more := h.spare - k.left
	return more >= max(worthGiving, h.alive/100*worthShare) && more >= lately*uint64(restsFor/lookEvery)
}

// How often the roles of a process collect garbage: about every two seconds, whatever they do. Who is busy lets much garbage
// gather, because memory is cheaper than time; who has only idle connections lets little, because nothing else is in the way
// of more of them. A process that comes to rest gives back at once what it does not need; the runtime alone would take minutes.

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	collectEvery = 2 * time.Second
	garbageMost  = 400      // percent of what is alive; roles keep little (rows and queues) and make much. GOMEMLIMIT still bounds the whole
	garbageLeast = 20       // percent of what is alive
	restsAt      = 2        // percent of what is alive, made between two looks
	worthGiving  = 32 << 20 // bytes; for less nobody collects on purpose
)

// collectInPace is for processes that run for long. Whoever sets GOGC has decided.
func collectInPace() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageMost)
		afterCollection(time.Now(), 0)
		go giveBackAtRest()
	}
}

// giveBackAtRest looks every two seconds whether nothing is in the making behind a time in which much was.
func giveBackAtRest() {
	look := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(look)
	for before, given := look[0].Value.Uint64(), uint64(0); ; before = look[0].Value.Uint64() {
		time.Sleep(collectEvery)
		metrics.Read(look)
		total, alive := look[0].Value.Uint64(), look[1].Value.Uint64()
		if givesBack(total-before, total-given, alive) {
			debug.FreeOSMemory()
			given = total
		}
	}
}

// givesBack says whether a process should look for what it can give back: it rests, and may hold much that it made since
// it gave back last.
func givesBack(lately, since, alive uint64) bool {
	return lately*100 <= max(alive, worthGiving)*restsAt && since >= max(alive/2, worthGiving)
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

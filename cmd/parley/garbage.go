// How often the roles of a process collect garbage: about every two seconds, whatever they do. Who is busy lets much garbage
// gather, because memory is cheaper than time; who has only idle connections lets little, because nothing else is in the way
// of more of them.

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
	garbageMost  = 400 // percent of what is alive; roles keep little (rows and queues) and make much. GOMEMLIMIT still bounds the whole
	garbageLeast = 20  // percent of what is alive
)

// collectInPace is for processes that run for long. Whoever sets GOGC has decided.
func collectInPace() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageMost)
		afterCollection(time.Now(), 0)
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

// How often a process collects garbage: about every two seconds, under any load. A busy process lets much garbage gather,
// because memory is cheaper than time; one with only idle connections lets little, because nothing else limits how many it
// can hold. A process that comes to rest returns at once what it does not need; the Go runtime alone would take minutes to
// collect it, and longer to return it.

package run

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	collectEvery      = 2 * time.Second
	maxGarbagePercent = 400 // of live memory; roles keep little (rows and queues) and allocate much. GOMEMLIMIT still bounds the whole
	minGarbagePercent = 20  // of live memory

	sampleEvery    = 5 * time.Second
	restFor        = 2 * time.Minute // at the rate of the last sample, what would be returned lasts at least this long
	minReturn      = 16 << 20        // bytes; less is not worth a collection
	minReturnShare = 25              // percent of live memory, the same; above minGarbagePercent, so that the pace has collected before
)

// paceCollector is for processes that run for long, until ctx ends. It leaves a process alone whose GOGC is set.
func paceCollector(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(maxGarbagePercent)
		afterCollection(time.Now(), 0)
		go returnAtRest(ctx)
	}
}

// sentinel is garbage from the beginning: its finalizer runs after a collection.
type sentinel struct{ _ [64]byte }

// afterCollection sets the pace of the next collection by what was allocated since the last, and waits for it.
func afterCollection(last time.Time, before uint64) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	now, total := time.Now(), sample[0].Value.Uint64()
	if before > 0 {
		debug.SetGCPercent(garbagePercent(total-before, sample[1].Value.Uint64(), now.Sub(last)))
	}
	runtime.SetFinalizer(new(sentinel), func(*sentinel) { afterCollection(now, total) })
}

// garbagePercent is how much garbage may gather, in percent of live memory, for it to last until the next collection.
func garbagePercent(allocated, live uint64, in time.Duration) int {
	until := float64(allocated) / max(in.Seconds(), 0.001) * collectEvery.Seconds()
	return int(min(max(until/max(float64(live), 1)*100, minGarbagePercent), maxGarbagePercent))
}

// returnAtRest samples the heap every few seconds and returns memory that a resting process does not need.
func returnAtRest(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for r := (returner{allocated: sampleHeap().allocated}); ; r.sample() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// heap is a sample of the heap, in bytes.
type heap struct {
	allocated uint64 // since the process began
	live      uint64 // at the last collection
	spare     uint64 // held beyond that: garbage, gaps between live objects, and what was collected and not returned
}

func sampleHeap() heap {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(sample)
	h := heap{allocated: sample[0].Value.Uint64(), live: sample[1].Value.Uint64()}
	for _, class := range sample[2:] {
		h.spare += class.Value.Uint64()
	}
	h.spare -= min(h.live, h.spare)
	return h
}

// returner remembers the last sample, and the last return.
type returner struct {
	allocated uint64 // until the last sample
	gaps      uint64 // spare, and could not be returned
}

// sample returns what the process does not need, if it rests.
func (r *returner) sample() {
	if r.shouldReturn(sampleHeap()) {
		debug.FreeOSMemory()
		r.gaps = sampleHeap().spare
	}
}

// shouldReturn reports whether the process holds enough beyond the known gaps to be worth a collection, and allocates so slowly
// that it would last. A busy process spends in two seconds what is spare, and never gets here.
func (r *returner) shouldReturn(h heap) bool {
	recent := h.allocated - r.allocated
	r.allocated, r.gaps = h.allocated, min(r.gaps, h.spare)
	more := h.spare - r.gaps
	return more >= max(minReturn, h.live/100*minReturnShare) && more >= recent*uint64(restFor/sampleEvery)
}

// How many events a second are judged, and in how much memory.

package check_test

import (
	"flag"
	"runtime"
	"testing"
	"time"

	. "github.com/parley-im/parley/test/check"
)

var crowdSize = flag.Int("events", 1_000_000, "events of BenchmarkCrowd")

// BenchmarkCrowd judges a clean history; -events 10000000 makes it a large one.
func BenchmarkCrowd(b *testing.B) {
	var events int64
	began := time.Now()
	for b.Loop() {
		most, stop := watchHeap()
		c := New(Limits{Dir: b.TempDir()})
		crowd(*crowdSize, false, func(e Event) {
			if err := c.Add(e); err != nil {
				b.Fatal(err)
			}
		})
		r, err := c.Close()
		if err != nil || !r.Clean() {
			b.Fatal(err, r)
		}
		close(stop)
		events += r.Events
		b.ReportMetric(float64(<-most)/(1<<20), "MiB-heap")
	}
	b.ReportMetric(float64(events)/time.Since(began).Seconds(), "events/s")
}

// watchHeap looks at the heap now and then, and tells the most that it saw.
func watchHeap() (most chan uint64, stop chan struct{}) {
	most, stop = make(chan uint64, 1), make(chan struct{})
	go func() {
		var highest uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapAlloc)
			select {
			case <-stop:
				most <- highest
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return most, stop
}

// A crowd's history: how many events a second are checked, in how much memory, with how much in files.

package check_test

import (
	"flag"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/parley-im/parley/test/check"
)

// crowdSize is small in CI; the record is -events=10000000.
var crowdSize = flag.Int("events", 600_000, "events of TestMemory")

// What a checker with the default limits may have on the heap, in bytes: what it holds before it uses files, and what
// one bucket of a long history takes. Held alone, the events would take 240 bytes each, and more for judging.
const (
	heapHeld      = 80 << 20
	heapAnEvent   = 16
	checkedInFile = 8 // a short history is held to an eighth, so that files are used
)

// Memory is bounded: files take what does not fit, and are checked bucket by bucket. One seq of the crowd is missing
// from one final read, and is found.
func TestMemory(t *testing.T) {
	began := time.Now()
	most, stop := watchHeap()
	c := New(Limits{Dir: t.TempDir(), Held: min(1<<18, *crowdSize/checkedInFile)})
	crowd(*crowdSize, true, func(e Event) {
		if err := c.Add(e); err != nil {
			t.Fatal(err)
		}
	})
	taken := time.Since(began)
	r, err := c.Close()
	require.NoError(t, err)
	close(stop)
	heap := <-most
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	all := time.Since(began)
	t.Logf("%d events in %v (taken in %v, checked in %v), %.0f events/s; most on the heap %d MiB, resident %d MiB, files %d MiB", r.Events,
		all.Round(time.Millisecond), taken.Round(time.Millisecond), (all - taken).Round(time.Millisecond),
		float64(r.Events)/all.Seconds(), heap>>20, usage.Maxrss>>10, r.FileBytes>>20)
	require.Equal(t, map[Letter]int64{Lost: 1, Gap: 1}, r.Count, r)
	require.Positive(t, r.FileBytes)
	require.Less(t, heap, uint64(heapHeld+heapAnEvent**crowdSize), "the checker holds more than it may")
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

// Stalls of the machine itself: one that is shared may be ten times slower for a tenth of a second, and no server can help it.

package imload

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stallEvery  = 3 * time.Millisecond
	stallSteps  = 15_000                 // of the fixed work: some 20 microseconds, less than a hundredth of a core
	stallTrials = 200                    // before the run; their median is how fast the machine is
	stallFactor = 4                      // times slower than that is a stall: a cold cache makes less of a difference
	stallShadow = 100 * time.Millisecond // behind a stall: what it left undone is done by then
)

// stalls does a fixed piece of work now and then, and looks at what it costs in CPU time. A thread that is preempted uses
// none meanwhile, however busy the system is: only a machine that is slower itself makes the same work dearer.
type stalls struct {
	began int64
	stop  chan struct{}
	ended sync.WaitGroup

	last    atomic.Int64 // when the newest stall was seen last
	total   int64        // nanoseconds of all
	longest int64
	times   Hist // as slow as before the run at each look, in millionths: a quantile tells the times themselves
}

// watchStalls begins to watch. look says how many times slower the machine is than it was.
func watchStalls(look func() float64) *stalls {
	s := &stalls{stop: make(chan struct{}), began: now()}
	s.last.Store(-int64(stallShadow))
	s.ended.Go(func() {
		runtime.LockOSThread() // its clock is the thread's
		defer runtime.UnlockOSThread()
		s.watch(look)
	})
	return s
}

func (s *stalls) watch(look func() float64) {
	ticker := time.NewTicker(stallEvery)
	defer ticker.Stop()
	for begin, before := int64(-1), now(); ; {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		times, at := look(), now()
		s.times.Record(int64(times * 1e6))
		if times <= stallFactor {
			begin = -1
		} else {
			if begin < 0 {
				begin = before // somewhere behind the look before
			}
			s.total += at - before
			s.longest = max(s.longest, at-begin)
			s.last.Store(at)
		}
		before = at
	}
}

// touched says whether a message that was due then met a stall, or what a stall had left undone.
func (s *stalls) touched(due int64) bool { return s != nil && s.last.Load() >= due-int64(stallShadow) }

// end stops watching, and tells the share of the time and the longest stretch in milliseconds.
func (s *stalls) end() (share, longest float64) {
	close(s.stop)
	s.ended.Wait()
	return float64(s.total) / float64(now()-s.began), float64(s.longest) / 1e6
}

// slowness looks how many times slower the machine is than it is now, for most of some trials.
func slowness() func() float64 {
	trials := make([]time.Duration, stallTrials)
	for i := range trials {
		trials[i] = fixedWork()
		time.Sleep(stallEvery / 10)
	}
	slices.Sort(trials)
	usual := trials[stallTrials/2]
	return func() float64 {
		if usual == 0 { // the system has no such clock
			return 0
		}
		return float64(fixedWork()) / float64(usual)
	}
}

// sink keeps the work from being thought away.
var sink atomic.Uint32

// fixedWork is always the same and touches no memory; it says what it cost of the thread's CPU time.
func fixedWork() time.Duration {
	before, x := threadTime(), uint32(1)
	for range stallSteps {
		x = x*1_664_525 + 1_013_904_223
	}
	sink.Store(x)
	return threadTime() - before
}

func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

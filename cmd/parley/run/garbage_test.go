// The pace of the collector: the busier a process, the more garbage may gather; and a process that rests returns memory.

package run

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGarbagePercent(t *testing.T) {
	for name, c := range map[string]struct {
		allocated, live uint64
		in              time.Duration
		want            int
	}{
		"nothing to do":                      {1 << 20, 50 << 20, time.Minute, minGarbagePercent},
		"as much allocated as live, in time": {50 << 20, 50 << 20, collectEvery, 100},
		"in half of the time":                {50 << 20, 50 << 20, collectEvery / 2, 200},
		"very busy":                          {400 << 20, 50 << 20, 100 * time.Millisecond, maxGarbagePercent},
		"at once, with nothing live":         {1, 0, 0, maxGarbagePercent},
	} {
		require.Equal(t, c.want, garbagePercent(c.allocated, c.live, c.in), name)
	}
}

func TestARestingProcessLetsLittleGarbageGather(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	paceCollector(t.Context())
	now := func() int { percent := debug.SetGCPercent(100); debug.SetGCPercent(percent); return percent }
	require.Equal(t, maxGarbagePercent, now())
	for end := time.Now().Add(time.Minute); now() == maxGarbagePercent; time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it never paced itself")
		runtime.GC()
	}
}

func TestAProcessReturnsMemoryOnceWhenItComesToRest(t *testing.T) {
	const mb = 1 << 20
	r := returner{}
	for _, c := range []struct {
		what                   string
		allocated, live, spare uint64 // megabytes
		returns                bool
	}{
		{"begins", 60, 20, 40, false},
		{"is busy", 1_060, 60, 200, false},
		{"is busy, and was just collected", 2_060, 60, 30, false},
		{"allocates little, but more than it has in two minutes", 2_070, 60, 200, false},
		{"allocates less, for which it has enough for long", 2_074, 60, 200, true},
		{"rests, and has gaps that cannot be returned", 2_075, 60, 30, false},
		{"rests, and lets the garbage of its pace gather", 2_083, 60, 42, false},
		{"grows slowly, and is collected in pace", 2_090, 67, 35, false},
		{"is busy again", 2_490, 60, 200, false},
		{"rests again", 2_491, 60, 200, true},
		{"rests with gaps", 2_491, 60, 30, false},
		{"rests when half of what was live is gone", 2_492, 30, 60, true},
		{"is large, and rests with a little more", 2_500, 400, 120, false},
		{"is large, and rests with much more", 2_501, 400, 150, true},
	} {
		returns := r.shouldReturn(heap{allocated: c.allocated * mb, live: c.live * mb, spare: c.spare * mb})
		require.Equal(t, c.returns, returns, c.what)
		if returns {
			r.gaps = 30 * mb
		}
	}
}

// The second sample follows the first at once, so that nothing is allocated in between.
func TestReturnedMemoryIsHeldNoLonger(t *testing.T) {
	r := returner{}
	r.sample()
	for had := range 16 {
		runtime.KeepAlive(make([]byte, minReturn+had))
	}
	busy := sampleHeap()
	require.False(t, r.shouldReturn(busy), "it was busy")
	r.sample()
	require.Less(t, sampleHeap().spare, uint64(minReturn))
}

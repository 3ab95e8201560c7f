// The pace of the collector: the busier, the more garbage may gather.

package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGarbagePercent(t *testing.T) {
	for name, c := range map[string]struct {
		made, alive uint64
		in          time.Duration
		want        int
	}{
		"nothing to do":                  {1 << 20, 50 << 20, time.Minute, garbageLeast},
		"as much made as alive, in time": {50 << 20, 50 << 20, collectEvery, 100},
		"in half of the time":            {50 << 20, 50 << 20, collectEvery / 2, 200},
		"very busy":                      {400 << 20, 50 << 20, 100 * time.Millisecond, garbageMost},
		"at once, with nothing alive":    {1, 0, 0, garbageMost},
	} {
		require.Equal(t, c.want, garbagePercent(c.made, c.alive, c.in), name)
	}
}

func TestAProcessThatRestsLetsLittleGarbageGather(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	collectInPace()
	now := func() int { percent := debug.SetGCPercent(100); debug.SetGCPercent(percent); return percent }
	require.Equal(t, garbageMost, now())
	for end := time.Now().Add(time.Minute); now() == garbageMost; time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it never paced itself")
		runtime.GC()
	}
}

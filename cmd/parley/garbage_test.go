// The pace of the collector: the busier, the more garbage may gather.

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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

func TestGivesBack(t *testing.T) {
	for name, c := range map[string]struct {
		lately, since, alive uint64
		want                 bool
	}{
		"at rest, behind a busy time":         {1 << 20, 400 << 20, 100 << 20, true},
		"at rest, behind little":              {1 << 20, 40 << 20, 100 << 20, false},
		"at rest, where nearly nothing lives": {100 << 10, worthGiving, 1 << 20, true},
		"at rest, too little to give":         {100 << 10, worthGiving - 1, 1 << 20, false},
		"busy: it would fetch it again":       {50 << 20, 400 << 20, 100 << 20, false},
	} {
		require.Equal(t, c.want, givesBack(c.lately, c.since, c.alive), name)
	}
}

func TestAProcessAtRestGivesBackWhatItDoesNotNeed(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	collectInPace()
	had := make([]byte, 8*worthGiving)
	for i := range had {
		had[i] = 1
	}
	runtime.KeepAlive(had)
	held := func() uint64 {
		look := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(look)
		return look[0].Value.Uint64() + look[1].Value.Uint64()
	}
	for end := time.Now().Add(time.Minute); held() > 4*worthGiving; time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it keeps what it does not need")
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

// The pace of the collector: the busier, the more garbage may gather; and what a process that rests gives back.

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
	collectInPace(t.Context())
	now := func() int { percent := debug.SetGCPercent(100); debug.SetGCPercent(percent); return percent }
	require.Equal(t, garbageMost, now())
	for end := time.Now().Add(time.Minute); now() == garbageMost; time.Sleep(100 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it never paced itself")
		runtime.GC()
	}
}

func TestAProcessGivesBackOnceWhenItComesToRest(t *testing.T) {
	const mb = 1 << 20
	k := keeper{}
	for _, c := range []struct {
		what               string
		made, alive, spare uint64 // megabytes
		gives              bool
	}{
		{"begins", 60, 20, 40, false},
		{"is busy", 1_060, 60, 200, false},
		{"is busy, and was just collected", 2_060, 60, 30, false},
		{"makes little, but more than it has in two minutes", 2_070, 60, 200, false},
		{"makes less, for which it has enough for long", 2_074, 60, 200, true},
		{"rests, and has gaps that cannot be given back", 2_075, 60, 30, false},
		{"rests, and lets the garbage of its pace gather", 2_083, 60, 42, false},
		{"grows slowly, and is collected in pace", 2_090, 67, 35, false},
		{"is busy again", 2_490, 60, 200, false},
		{"rests again", 2_491, 60, 200, true},
		{"rests with gaps", 2_491, 60, 30, false},
		{"rests when half of what was alive is gone", 2_492, 30, 60, true},
		{"is large, and rests with a little more", 2_500, 400, 120, false},
		{"is large, and rests with much more", 2_501, 400, 150, true},
	} {
		gives := k.gives(held{made: c.made * mb, alive: c.alive * mb, spare: c.spare * mb})
		require.Equal(t, c.gives, gives, c.what)
		if gives {
			k.left = 30 * mb
		}
	}
}

// Nobody waits here: the second look follows the first at once, and nothing was made in between.
func TestWhatIsGivenBackIsHeldNoLonger(t *testing.T) {
	k := keeper{}
	k.look()
	for had := range 16 {
		runtime.KeepAlive(make([]byte, worthGiving+had))
	}
	busy := heldNow()
	require.False(t, k.gives(busy), "it was busy")
	k.look()
	require.Less(t, heldNow().spare, uint64(worthGiving))
}

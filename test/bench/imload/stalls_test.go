// A stall of the machine touches what was on its way or due soon after it, and nothing else.

package imload

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStalls(t *testing.T) {
	const steady, standing = 1, 2 * stallFactor
	var times atomic.Int64
	times.Store(steady)
	s := watchStalls(func() float64 { return float64(times.Load()) })
	before := now()
	require.False(t, s.touched(before))
	require.Eventually(t, func() bool { return s.times.Quantile(.5) > 0 }, 10*time.Second, stallEvery)
	require.InEpsilon(t, steady, s.times.Quantile(.5), 0.02, "as wide as a slot")
	times.Store(standing)
	require.Eventually(t, func() bool { return s.touched(before) }, 10*time.Second, time.Millisecond)
	times.Store(steady)
	require.True(t, s.touched(now()), "what is due in its shadow")
	time.Sleep(10 * stallEvery)
	require.False(t, s.touched(now()+int64(stallShadow)), "what is due later")
	share, longest := s.end()
	require.Positive(t, share)
	require.Less(t, share, 1.0)
	require.Positive(t, longest)
	require.False(t, (*stalls)(nil).touched(0), "nobody watches")
}

func TestWorkIsTheSame(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	require.Positive(t, begin)
	time.Sleep(20 * time.Millisecond)
	require.Less(t, threadTime()-begin, 20*time.Millisecond, "who sleeps uses nothing")
	require.Positive(t, fixedWork())
	require.NotPanics(t, func() { slowness()() })
}

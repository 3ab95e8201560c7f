// The bucket, by a clock that the test holds.

package door

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABucketBoundsARateAndABurst(t *testing.T) {
	const perSecond, began = 20, 1_000_000
	var b bucket
	burst := func(nowMS int64) (n int) {
		for b.take(nowMS, perSecond) {
			n++
		}
		return n
	}
	require.True(t, b.full(began, perSecond))
	require.Equal(t, perSecond*burstSeconds+1, burst(began))
	require.False(t, b.full(began, perSecond))
	require.Zero(t, burst(began+49))
	require.Equal(t, perSecond/2, burst(began+525))
	require.Zero(t, burst(began-10_000), "a clock that was set back gives nothing")
	require.Equal(t, perSecond, burst(began-9_000))
	require.True(t, b.full(began, perSecond))
	require.Equal(t, perSecond*burstSeconds+1, burst(began+3_600_000), "no more than the burst gathers")
}

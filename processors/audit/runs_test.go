// Runs hold the numbers that a set would, in few pieces when they come nearly in order.

package audit

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed are all numbers of runs.
func listed(r runs) (all []uint64) {
	for _, one := range r {
		for n := one.from; n <= one.to; n++ {
			all = append(all, n)
		}
	}
	return all
}

func TestRunsAreASet(t *testing.T) {
	for seed := range uint64(200) {
		dice, have, set := rand.New(rand.NewPCG(seed, 0)), runs(nil), map[uint64]bool{}
		for range 60 {
			n := dice.Uint64N(40) + 1
			require.Equal(t, set[n], have.has(n), "seed %d: %d in %v", seed, n, have)
			switch {
			case dice.IntN(10) == 0:
				have = have.above(n)
				maps.DeleteFunc(set, func(m uint64, _ bool) bool { return m <= n })
			case !set[n]:
				have, set[n] = have.with(n), true
			}
			require.Equal(t, slices.Sorted(maps.Keys(set)), listed(have), "seed %d", seed)
			require.Equal(t, listed(have), listed(runsOf(have.numbers())), "packed and unpacked")
			for i := 1; i < len(have); i++ {
				require.Greater(t, have[i].from, have[i-1].to+1, "seed %d: two runs that are one: %v", seed, have)
			}
		}
	}
}

func TestCommandsOfADeviceWaitInRuns(t *testing.T) {
	for seed := range uint64(200) {
		dice, d, open := rand.New(rand.NewPCG(seed, 0)), &device{}, map[uint64]uint64{}
		for seq, now := uint64(1), uint64(1_000_000); seq < 300; seq++ {
			now += dice.Uint64N(2 * askedGrainMs)
			d.ask(seq, now)
			open[seq] = now
			for dice.IntN(3) > 0 && len(open) > 0 {
				waits := slices.Sorted(maps.Keys(open))
				one := waits[min(len(waits)-1, dice.IntN(4))]
				require.True(t, d.answer(one), "seed %d: %d waits", seed, one)
				require.False(t, d.answer(one), "seed %d: %d was answered", seed, one)
				delete(open, one)
			}
			d = unpackDevice(d.pack())
			require.EqualValues(t, len(open), d.pending(), "seed %d", seed)
			if len(open) > 0 {
				oldest := open[slices.Min(slices.Collect(maps.Keys(open)))]
				require.LessOrEqual(t, d.open[0].timeMs, oldest, "seed %d: the oldest is told as younger than it is", seed)
				if len(open) < askedRuns {
					require.Less(t, oldest-d.open[0].timeMs, uint64(askedGrainMs), "seed %d: it is told as much older", seed)
				}
			}
		}
	}
}

func TestAThousandInOrderAreOneRun(t *testing.T) {
	d, r := &device{}, runs(nil)
	for n := uint64(1); n <= 1000; n++ {
		r = r.with(n)
		d.ask(n, n*10*askedGrainMs)
	}
	require.Equal(t, runs{{1, 1000}}, r)
	require.Len(t, d.open, askedRuns+1)
	require.EqualValues(t, 1000, d.pending())
}

// The teeth: every rule that is broken is found, and the list says by which letters and within how many seeds.

package sim_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/parley-im/parley/test/sim"
)

const mutantSeeds = 200 // seeds within which every mutant must be found

// TestMutants breaks one rule after the other.
func TestMutants(t *testing.T) {
	for _, m := range sim.Mutants() {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			for s := uint64(1); s <= mutantSeeds; s++ {
				cfg := sim.Config{Seed: s, Commands: *commands, Mutant: m, Stale: m.IsOfTakeovers()}
				if m == sim.AlarmsOff {
					cfg.Disaster = sim.Disasters()[s%uint64(len(sim.Disasters()))]
				}
				if r := sim.Run(cfg); !r.Report.Clean() {
					var letters []string
					for l := range maps.Keys(r.Report.Count) {
						letters = append(letters, string(l))
					}
					slices.Sort(letters)
					t.Logf("found by seed %d: %s; first %.160v", s, strings.Join(letters, " "), r.Report.First[0])
					return
				}
			}
			t.Fatalf("%d seeds did not find it", mutantSeeds)
		})
	}
}

// Every rule that is broken is found, and the table says by which letters and within how many seeds.

package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-im/parley/test/sim"
)

const mutantSeeds = 200 // seeds within which every mutant must be found

// asked are the mutants that the promise names, in its words, and what they are called here. What the simulator only
// models is shown by real servers too.
var asked = []struct {
	name    string
	mutants []sim.Mutant
	besides string
}{
	{"acks=1 with a leader kill", []sim.Mutant{sim.AcksOne}, "modelled; goka's stock producer on real brokers: test/kafka, TestStock"},
	{"non-idempotent producer with retries", []sim.Mutant{sim.NoIdempotence}, "modelled; goka's stock producer on real brokers: test/kafka, TestStock"},
	{"two producers with different partitioners", []sim.Mutant{sim.TwoPartitioners}, ""},
	{"offset committed before the outputs", []sim.Mutant{sim.CommitBeforeOutputs}, ""},
	{"a hole in commits", []sim.Mutant{sim.HoleInCommits}, ""},
	{"local store written before the changelog", []sim.Mutant{sim.StoreBeforeAck}, ""},
	{"changelog before the outputs", []sim.Mutant{sim.ChangelogBeforeOutputs}, ""},
	{"duplicate check off", []sim.Mutant{sim.NoDuplicateCheck, sim.NoDeviceCheck}, ""},
	{"duplicate check without output index", []sim.Mutant{sim.NoIndexInCheck}, ""},
	{"duplicate check without topic identity", []sim.Mutant{sim.NoGroupInCheck}, ""},
	{"stale owner's changelog record wins at recovery",
		[]sim.Mutant{sim.StaleRowWins, sim.BetterRowTrusted, sim.NoFence, sim.NoTailRead, sim.StandbyTrusted}, ""},
	{"(ours) whose takeover counts", []sim.Mutant{sim.LateTakeoverBelieved, sim.EraForgotten}, ""},
	{"(ours) a panic of one build alone", []sim.Mutant{sim.LetterBeforeRecord, sim.StaleSkipEmitted, sim.StaleSkipBelieved}, ""},
	{"(ours) a refusal said again when the state has changed", []sim.Mutant{sim.RefusalForgotten}, ""},
	{"map iteration, wall clock or randomness in a machine", []sim.Mutant{sim.MapIteration, sim.WallClock, sim.Randomness}, "test/laws bans the imports"},
	{"an undecodable record skipped silently", []sim.Mutant{sim.SilentSkip, sim.AlarmsOff}, ""},
	{"a local store ahead of the log trusted", []sim.Mutant{sim.StoreAheadTrusted}, ""},
	{"a number drawn from Redis INCR", []sim.Mutant{sim.OutsideCounter}, ""},
	{"a view without position check", []sim.Mutant{sim.NoViewPosition}, ""},
	{"unread counted up instead of derived", []sim.Mutant{sim.UnreadCountedUp}, ""},
	{"last-write-wins read pointer", []sim.Mutant{sim.LastWriteWins}, ""},
	{"recall that leaves a cache", nil, "nobody can recall anything yet: the schema has no such word (anomaly X)"},
	{"membership cached at a gateway", []sim.Mutant{sim.MembershipCached}, ""},
	{"a dropped push without resync", []sim.Mutant{sim.JumpWithoutResync}, ""},
	{"a resume accepted across epochs", []sim.Mutant{sim.ResumeAcrossEpochs}, ""},
	{"(ours) rules that change", []sim.Mutant{sim.OldRulesGoOn, sim.NewestRules, sim.RulesForgotten}, ""},
	{"(ours) what the whole house has wrong, for the model alone",
		[]sim.Mutant{sim.BlockForgotten, sim.RemovedStaysMember, sim.ClockBelieved}, ""},
}

// TestMutants breaks one rule after the other and prints the table.
func TestMutants(t *testing.T) {
	var mu sync.Mutex
	found := map[sim.Mutant]string{}
	across(len(sim.Mutants()), func(i int) bool {
		m := sim.Mutants()[i]
		words, ok := hunt(m)
		mu.Lock()
		defer mu.Unlock()
		if found[m] = words; !ok {
			t.Errorf("%v: %s", m, words)
		}
		return true
	})
	var table strings.Builder
	named := map[sim.Mutant]bool{}
	for _, a := range asked {
		if len(a.mutants) == 0 {
			fmt.Fprintf(&table, "\n%-58s | %s", a.name, a.besides)
		}
		for _, m := range a.mutants {
			named[m] = true
			fmt.Fprintf(&table, "\n%-58s | %-55v | %-34s | %s", a.name, m, found[m], a.besides)
		}
	}
	t.Log("name | mutant | found by | besides", table.String())
	for _, m := range sim.Mutants() {
		if !named[m] {
			t.Errorf("the table does not name the mutant %v", m)
		}
	}
}

// hunt looks for a mutant, seed after seed.
func hunt(m sim.Mutant) (words string, found bool) {
	for s := uint64(1); s <= mutantSeeds; s++ {
		if r := sim.Run(configOf(s, m)); !r.Report.Clean() {
			var letters []string
			for l := range maps.Keys(r.Report.Count) {
				letters = append(letters, string(l))
			}
			slices.Sort(letters)
			return fmt.Sprintf("%s, seed %d", strings.Join(letters, " "), s), true
		}
	}
	return fmt.Sprintf("not found in %d seeds", mutantSeeds), false
}

// configOf is the run of a seed that hunts a mutant: stale owners for takeovers, a disaster for what only that shows.
func configOf(seed uint64, m sim.Mutant) sim.Config {
	cfg := sim.Config{Seed: seed, Commands: *commands, Mutant: m, Stale: m.IsOfTakeovers()}
	if m == sim.AlarmsOff {
		cfg.Disaster = sim.Disasters()[seed%uint64(len(sim.Disasters()))]
	}
	return cfg
}

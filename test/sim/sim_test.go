// Seeds of the house as it is: nothing is found. Replays, and mutants.

package sim_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/parley-im/parley/test/sim"
)

var (
	seeds    = flag.Int("seeds", 150, "seeds of TestSeeds")
	first    = flag.Uint64("first", 1, "first seed of TestSeeds")
	seed     = flag.Uint64("seed", 0, "seed of TestReplay")
	commands = flag.Int("commands", 400, "commands of a seed")
	mutant   = flag.Int("mutant", 0, "mutant of TestReplay, by its number")
)

// garbage is how far the heap may grow between collections, in percent: runs are short, and nothing of them stays.
const garbage = 2000

func TestMain(m *testing.M) {
	debug.SetGCPercent(garbage)
	os.Exit(m.Run())
}

// across runs fn for n numbers on all processors until it says stop.
func across(n int, fn func(i int) bool) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n {
					return
				}
				if !fn(i) {
					mu.Lock()
					next = n
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
}

// TestSeeds: whatever a seed draws, nothing is found.
func TestSeeds(t *testing.T) {
	shown := newProgress(*seeds)
	var mu sync.Mutex
	total := map[string]int{}
	across(*seeds, func(i int) bool {
		r := sim.Run(sim.Config{Seed: *first + uint64(i), Commands: *commands})
		mu.Lock()
		defer mu.Unlock()
		shown.step()
		count(total, r)
		if !r.Report.Clean() {
			t.Errorf("%v\nreplay it: make sim SEED=%d", r, r.Seed)
		}
		return r.Report.Clean()
	})
	shown.end()
	t.Logf("%v, %d commands each\n%v", shown, *commands, total)
}

func count(total map[string]int, r sim.Result) {
	for name, n := range r.Faults {
		total["fault "+name] += n
	}
	for name, n := range map[string]int{
		"records": r.Records, "repeats": r.Repeats, "operations": int(r.Report.Operations), "accepted": int(r.Report.Accepted),
		"takeovers": r.Takeover.Count, "suspects": r.Takeover.Suspects, "folded again": r.Takeover.Rewound,
	} {
		total[name] += n
	}
}

// TestReplay shows one seed step by step.
func TestReplay(t *testing.T) {
	if *seed == 0 {
		t.Skip("name a seed: -seed=N")
	}
	cfg := configOf(*seed, sim.Mutant(*mutant))
	cfg.Trace = func(line string) { fmt.Println(line) }
	r := sim.Run(cfg)
	t.Log(r)
	if !r.Report.Clean() {
		t.Fail()
	}
}

// TestDisasters: what the house does not survive ends in an alarm that says what it is, before anything wrong is said.
func TestDisasters(t *testing.T) {
	kinds := map[sim.Disaster][]string{
		sim.InputMadeAnew: {"topic_recreated", "input_shrunk"}, sim.TableMadeAnew: {"topic_recreated"}, sim.TableCut: {"changelog_shrunk"},
		sim.InputCut: {"input_shrunk"}, sim.InputsDeleted: {"input_shrunk"}, sim.CommitsGone: {"commits_gone"},
	}
	for _, d := range sim.Disasters() {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			for s := uint64(1); s <= disasterSeeds; s++ {
				r := sim.Run(sim.Config{Seed: s, Commands: disasterCommands, Disaster: d})
				if !slices.Contains(kinds[d], r.Alarm) {
					t.Fatalf("seed %d: the alarm is %q and should be %v: %v", s, r.Alarm, kinds[d], r)
				}
			}
		})
	}
}

const (
	disasterSeeds    = 30
	disasterCommands = 120 // asked in a run with a disaster, which comes half way
)

// The same seed gives the same run.
func TestSame(t *testing.T) {
	for s := uint64(1); s <= 3; s++ {
		var one, other []string
		a := sim.Run(sim.Config{Seed: s, Commands: 100, Trace: func(l string) { one = append(one, l) }})
		b := sim.Run(sim.Config{Seed: s, Commands: 100, Trace: func(l string) { other = append(other, l) }})
		if fmt.Sprint(a, one) != fmt.Sprint(b, other) {
			t.Fatalf("seed %d gives two runs", s)
		}
	}
}

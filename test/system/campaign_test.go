// The campaign itself: load, faults in waves, heal, check, report.

package system

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var writeReport = flag.Bool("report", false, "write REPORT.md")

const (
	between    = 300 * time.Millisecond
	calmProbes = 9

	// Commands of a campaign of hours, at most: of some more the logs would not fit where the brokers keep them. It has as many
	// faults an hour as any other, and lets people think longer.
	longCommands = 2_000_000
)

// size is how large a campaign is.
type size struct {
	name     string
	calm     time.Duration // of load before the first fault and after the last, to know the pace
	people   int
	pace     time.Duration // between two bursts of a person
	burst    int           // commands that a person says at once
	atOnce   int           // faults
	rounds   int           // at least
	once     bool          // each fault once in a round, whatever the catalog says
	accepted int64         // at least
	shown    int64         // events that devices heard, at least
	faults   int           // at least
	until    time.Duration // at least
	storm    int           // sockets of a reconnect storm
	most     map[int]int   // class -> faults of a round, where it has more
	beyond   bool          // at the end also faults that take away what was proved
}

// slice is what runs with all other tests.
var slice = size{
	name: "slice", calm: 4 * time.Second, people: 64, pace: 2400 * time.Millisecond, burst: 2, atOnce: 3, rounds: 1, once: true, storm: stormPeople,
	most: map[int]int{7: 3, 9: 3, 21: 2},
}

// full is a campaign as a submission wants it.
var full = size{
	name: "full", calm: 10 * time.Second, people: 100, pace: time.Second, burst: 5, atOnce: 3, rounds: 1, storm: 10 * stormPeople,
	accepted: 300_000, shown: 1_270_000, faults: 150, beyond: true,
}

// chosen reads CAMPAIGN and HOURS.
func chosen(t *testing.T) size {
	if hours := os.Getenv("HOURS"); hours != "" {
		n, err := strconv.ParseFloat(hours, 64)
		require.NoError(t, err, "HOURS is a number")
		long := full
		long.name, long.until = hours+" hours", time.Duration(n*float64(time.Hour))
		long.pace = max(long.pace, time.Duration(float64(long.people*long.burst)/longCommands*float64(long.until)))
		return long
	}
	switch v := os.Getenv("CAMPAIGN"); v {
	case "":
		if os.Getenv("PARLEY_REAL") != "required" {
			t.Skip("SKIPPED: the campaign takes the whole machine for some minutes; PARLEY_REAL=required or make campaign runs it")
		}
		return slice
	case "slice":
		return slice
	case "full":
		return full
	default:
		require.FailNow(t, "CAMPAIGN is slice or full", v)
		return size{}
	}
}

func TestHoursOfACampaignFitOnItsDisks(t *testing.T) {
	for hours, pace := range map[string]time.Duration{"0.5": time.Second, "8": 7200 * time.Millisecond} {
		t.Setenv("HOURS", hours)
		s := chosen(t)
		require.Equal(t, pace, s.pace, "%s hours", hours)
		require.LessOrEqual(t, float64(s.people*s.burst)*s.until.Seconds()/s.pace.Seconds(), float64(longCommands))
		require.Equal(t, full.faults, s.faults)
	}
}

func TestCampaign(t *testing.T) {
	s, seed := chosen(t), uint64(time.Now().UnixNano())
	if given := os.Getenv("SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	picks := os.Getenv("FAULTS")
	if picks != "" { // for a look at some faults one round is enough
		s.rounds, s.accepted, s.shown, s.faults = 1, 0, 0, 0
	}
	s.beyond = s.beyond || os.Getenv("BEYOND") != ""
	t.Logf("campaign %s, SEED=%d", s.name, seed)
	w := newWorld(t, seed, s.storm)
	defer w.watch()()
	ctx, cancel := context.WithCancel(context.Background())
	defer func() { cancel(); w.crowd.alive.Wait() }() // a device that is still there would speak of a test that is over
	c := w.gather(ctx, s.people)
	t.Logf("%v: the house stands, %d people know each other", w.age(), s.people)

	c.pace.Store(int64(s.pace))
	talking, hush := context.WithCancel(ctx)
	defer hush()
	talk := c.talk(talking, s.burst)
	r := &tally{seed: seed, size: s, w: w}
	r.before = w.rate(s.calm)
	r.calmly = w.calmly()
	w.strike(r, picks)
	t.Logf("%v: %d faults are done", w.age(), r.faults())
	r.after = w.rate(s.calm)
	hush()
	talk.Wait()
	w.finalCheck(r)
	t.Logf("%v: checked", w.age())
	if s.beyond && !t.Failed() {
		r.injuries = append(r.injuries, w.outOfModel()...)
	}
	r.took = w.age()
	fmt.Println(r)
	if *writeReport {
		require.NoError(t, os.WriteFile("REPORT.md", []byte(r.String()), 0o644))
	}
}

// strike does rounds of faults until there were enough. A round after the last one that must be whole may end early.
func (w *world) strike(r *tally, picks string) {
	s, begin := r.size, time.Now()
	enough := func(rounds int) bool {
		return rounds >= s.rounds && w.accepted.Load() >= s.accepted && w.shown.Load() >= s.shown && r.faults() >= s.faults && time.Since(begin) >= s.until
	}
	for round := 0; !enough(round); round++ {
		for _, wave := range w.round(picks, s) {
			r.injuries = append(r.injuries, w.injure(wave)...)
			if w.t.Failed() {
				return
			}
			if round >= s.rounds && enough(round) {
				return
			}
		}
	}
}

// injure does the faults of a wave at once, and waits until the house has recovered from each.
func (w *world) injure(wave []fault) []injury {
	injuries := make([]injury, len(wave), len(wave)+1)
	var wg sync.WaitGroup
	for i, f := range wave {
		wg.Go(func() {
			from := f.run(w)
			injuries[i] = injury{class: f.class, name: f.name, recovery: never}
			if to := w.crowd.probe(); !to.IsZero() {
				if storeFaults[f.class] {
					to = w.crowd.shownByViews()
				}
				injuries[i].recovery = max(0, to.Sub(from))
			}
			w.t.Logf("%6v %2d %-40s recovered after %7v, %d accepted so far", w.age(), f.class, f.name,
				injuries[i].recovery.Round(10*time.Millisecond), w.accepted.Load())
		})
	}
	wg.Wait()
	time.Sleep(between)
	if len(wave) > 1 {
		injuries = append(injuries, together(injuries))
	}
	return injuries
}

// together is what the faults of a wave were as one.
func together(injuries []injury) injury {
	all := injury{class: overlapping}
	var names []string
	for _, i := range injuries {
		names = append(names, i.name)
		if all.recovery >= 0 && (i.recovery < 0 || i.recovery > all.recovery) {
			all.recovery = i.recovery
		}
	}
	all.name = strings.Join(names, " + ")
	return all
}

// calmly is how long the probes take when nothing is wrong, the median of some.
func (w *world) calmly() time.Duration {
	var times []time.Duration
	for range calmProbes {
		from := time.Now()
		times = append(times, w.crowd.probe().Sub(from))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// rate is how many commands are accepted a second in a calm.
func (w *world) rate(calm time.Duration) float64 {
	from := w.accepted.Load()
	time.Sleep(calm)
	return float64(w.accepted.Load()-from) / calm.Seconds()
}

// The campaign itself: load, faults one after the other, heal, judge, report.

package system

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var writeReport = flag.Bool("report", false, "write REPORT.md")

const (
	calm    = 10 * time.Second // of load before the first fault and after the last, to know the pace
	between = 300 * time.Millisecond

	calmProbes = 9
)

// size is how large a campaign is.
type size struct {
	name     string
	people   int
	pace     time.Duration // between two commands of a person
	rounds   int           // at least
	accepted int64         // at least
	storm    int           // sockets of a reconnect storm
	until    time.Duration // at least
}

// chosen reads CAMPAIGN and HOURS.
func chosen(t *testing.T) size {
	slice := size{"slice", 32, 600 * time.Millisecond, 1, 10_000, stormPeople, 0}
	full := size{"full", 100, 500 * time.Millisecond, 4, 300_000, 10 * stormPeople, 0}
	if hours := os.Getenv("HOURS"); hours != "" {
		n, err := strconv.ParseFloat(hours, 64)
		require.NoError(t, err, "HOURS is a number")
		full.name, full.until = hours+" hours", time.Duration(n*float64(time.Hour))
		return full
	}
	switch v := os.Getenv("CAMPAIGN"); v {
	case "":
		t.Skip("SKIPPED: the campaign takes a quarter of an hour and the whole machine: make campaign")
		return size{}
	case "slice":
		return slice
	case "full":
		return full
	default:
		require.FailNow(t, "CAMPAIGN is slice or full", v)
		return size{}
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
		s.rounds, s.accepted = 1, 0
	}
	t.Logf("campaign %s, SEED=%d", s.name, seed)
	began := time.Now()
	w := newWorld(t, seed)
	w.storm = s.storm
	ctx, cancel := context.WithCancel(context.Background())
	defer func() { cancel(); w.crowd.alive.Wait() }() // a device that is still there would speak of a test that is over
	c := w.gather(ctx, s.people)
	t.Logf("%v: the house stands, %d people know each other", time.Since(began).Round(time.Second), s.people)

	c.pace.Store(int64(s.pace))
	talking, hush := context.WithCancel(ctx)
	defer hush()
	talk := c.talk(talking)
	r := &tally{seed: seed, size: s.name, people: s.people, w: w}
	r.before = w.rate()
	r.calmly = w.calmly()
	begin := time.Now()
	for round := 0; !t.Failed() && (round < s.rounds || w.accepted.Load() < s.accepted || time.Since(begin) < s.until); round++ {
		for _, f := range w.round(picks) {
			r.injuries = append(r.injuries, w.injure(f, began))
			if t.Failed() {
				break
			}
		}
	}
	r.after = w.rate()
	hush()
	talk.Wait()
	w.judge(r)
	r.took = time.Since(began)
	fmt.Println(r)
	if *writeReport {
		require.NoError(t, os.WriteFile("REPORT.md", []byte("# A campaign\n\n"+r.String()), 0o644))
	}
}

// injure does a fault and waits until the house has recovered.
func (w *world) injure(f fault, began time.Time) injury {
	from := f.run(w)
	i := injury{class: f.class, name: f.name, recovery: -1}
	if to := w.crowd.probe(); !to.IsZero() {
		if storeFaults[f.class] {
			to = w.crowd.shownByViews()
		}
		i.recovery = max(0, to.Sub(from))
	}
	w.t.Logf("%6v %2d %-36s recovered after %7v, %d accepted so far", time.Since(began).Round(time.Second), f.class, f.name,
		i.recovery.Round(10*time.Millisecond), w.accepted.Load())
	time.Sleep(between)
	return i
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
func (w *world) rate() float64 {
	from := w.accepted.Load()
	time.Sleep(calm)
	return float64(w.accepted.Load()-from) / calm.Seconds()
}

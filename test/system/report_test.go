// The report: what was done, how long it took to recover, and what it came to.

package system

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// injury is one fault that was done.
type injury struct {
	class    int
	name     string
	recovery time.Duration // from the end of the fault, or the kill, until the last probe has its outcome; negative = never
}

// tally is the whole campaign.
type tally struct {
	seed          uint64
	size          string
	took          time.Duration
	people        int
	injuries      []injury
	commands      int // asked
	accepted      int64
	delivered     int64 // records of inbox.events
	repeats       int   // records that a group wrote twice, byte for byte
	records       int
	poisons       int
	before, after float64 // accepted a second, before the first fault and after the last
	readable      time.Duration
	calmly        time.Duration // what the probes take when nothing is wrong
	ended         []string      // processes that ended by their own law
	w             *world
}

func (r *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Campaign %s, seed %d, %v, %d people, two shared cores or so.\n\n", r.size, r.seed, r.took.Round(time.Second), r.people)
	fmt.Fprintf(&b, "| # | fault | N | recovery median | recovery max |\n|---|---|---|---|---|\n")
	byClass := map[int][]time.Duration{}
	for _, i := range r.injuries {
		byClass[i.class] = append(byClass[i.class], i.recovery)
	}
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		times := byClass[class]
		slices.Sort(times)
		fmt.Fprintf(&b, "| %d | %s | %d | %v | %v |\n", class, classes[class], len(times),
			times[len(times)/2].Round(10*time.Millisecond), times[len(times)-1].Round(10*time.Millisecond))
	}
	fmt.Fprintf(&b, "\nRecovery: from the kill, or from the end of any other fault, until a command in each of the %d partitions has its outcome\n"+
		"(of 13 and 14: and the views show it); %v when nothing is wrong.\n\n", partitions, r.calmly.Round(10*time.Millisecond))
	fmt.Fprintf(&b, "- %d faults, %d poison records\n", len(r.injuries), r.poisons)
	fmt.Fprintf(&b, "- %d commands asked, %d accepted, each with exactly one outcome; %d events shown to devices\n", r.commands, r.accepted, r.w.shown.Load())
	fmt.Fprintf(&b, "- %d records proved; %d deliveries in inboxes; %d repeats, all byte-identical\n", r.records, r.delivered, r.repeats)
	fmt.Fprintf(&b, "- accepted a second: %.0f before the first fault, %.0f after the last\n", r.before, r.after)
	fmt.Fprintf(&b, "- everything accepted was readable %v after the heal\n", r.readable.Round(10*time.Millisecond))
	fmt.Fprintf(&b, "- resyncs %d, snapshots behind their device %d, events shown again (twins; behind snapshots) %d, devices that came back because they were behind %d\n",
		r.w.resyncs.Load(), r.w.behind.Load(), r.w.again.Load(), r.w.nudges.Load())
	refusals := map[string]int64{}
	r.w.refusals.Range(func(code, n any) bool { refusals[code.(string)] = n.(interface{ Load() int64 }).Load(); return true })
	for _, code := range slices.Sorted(maps.Keys(refusals)) {
		fmt.Fprintf(&b, "- refused with %s: %d\n", code, refusals[code])
	}
	for _, e := range r.ended {
		fmt.Fprintf(&b, "- ended by its own law: %s\n", e)
	}
	fmt.Fprintf(&b, "- anomalies: %d\n", len(r.w.findings))
	return b.String()
}

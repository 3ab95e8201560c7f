// The report: what was done, how long it took to recover, and what it came to.

package system

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-im/parley/test/check"
)

// injury is one fault that was done.
type injury struct {
	class    int
	name     string
	recovery time.Duration // from the end of the fault, or the kill, until the last probe has its outcome
}

// never is the recovery of what did not recover.
const never time.Duration = -1

// sureness bounds the rate of failures, times N, at 95 %, when N independent tries failed never: the rule of three.
const sureness = 3.0

// tally is the whole campaign.
type tally struct {
	seed          uint64
	size          size
	took          time.Duration
	injuries      []injury
	commands      int // asked
	accepted      int64
	delivered     int64 // records of inbox.events, each once
	repeats       int64 // records that a group wrote twice, byte for byte
	records       int64
	verified      time.Duration // what parley verify took
	before, after float64       // accepted a second, before the first fault and after the last
	readable      time.Duration
	calmly        time.Duration // what the probes take when nothing is wrong
	checked       *check.Report
	ended         []string // processes that ended by their own law
	w             *world
}

func (r *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A campaign\n\n%s, revision %s, %s on %d processors (%s).\n\n    SEED=%d %s\n\n", time.Now().UTC().Format(time.DateOnly), revision(), runtime.Version(),
		runtime.NumCPU(), processor(), r.seed, r.command())
	fmt.Fprintf(&b, "%s: %d people, three brokers, Redis, a server that speaks MongoDB's protocol, %d processes of the house; it took %v.\n\n",
		r.size.name, r.size.people, len(r.w.members()), r.took)
	r.table(&b)
	r.figures(&b)
	return b.String()
}

// faults is how many were done; what was done at once counts once for each.
func (r *tally) faults() int {
	n := 0
	for _, i := range r.injuries {
		if i.class != overlapping {
			n++
		}
	}
	return n
}

func (r *tally) command() string {
	if strings.HasSuffix(r.size.name, "hours") {
		return "make campaign HOURS=" + strings.TrimSuffix(r.size.name, " hours")
	}
	return "make campaign CAMPAIGN=" + r.size.name
}

// table has one row for each class. Nothing is claimed of a class beyond its own N.
func (r *tally) table(b *strings.Builder) {
	fmt.Fprintf(b, "| # | fault | N | anomalies | recovery median | worst | failures are rarer than (3/N, at 95 %%) |\n|---|---|---|---|---|---|---|\n")
	byClass := map[int][]time.Duration{}
	for _, i := range r.injuries {
		byClass[i.class] = append(byClass[i.class], i.recovery)
	}
	anomalies := len(r.w.findings)
	row := func(class int, what string, n int, median, worst string) {
		fmt.Fprintf(b, "| %d | %s | %d | %d | %s | %s | %s |\n", class, what, n, anomalies, median, worst, bound(n))
	}
	show := func(d time.Duration) string { return d.Round(10 * time.Millisecond).String() }
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if times := byClass[class]; len(times) > 0 {
			slices.Sort(times)
			row(class, classes[class], len(times), show(times[len(times)/2]), show(times[len(times)-1]))
		}
	}
	if at, n := r.w.fallen(); n > 0 {
		row(2, "of these, at"+at, n, "", "")
	}
	row(11, "poison records, each a dead letter with its cause", int(r.w.poisons.Load()), "", "")
	row(25, "races: block and remove against send, commands under all other faults", int(r.w.crowd.races.Load()), "", "")
	fmt.Fprintf(b, "\nAnomalies are of the whole campaign, all thirteen letters but X (nobody can recall yet). Recovery: from the kill, or from the end of\n"+
		"any other fault, until a command in each of the %d partitions has its outcome (of 13 and 14: and the views show it); %v when\n"+
		"nothing is wrong. Faults of different parts were done up to %d at once (26), and each waits for the others.\n\n",
		partitions, show(r.calmly), r.size.atOnce)
	for _, left := range r.w.left {
		fmt.Fprintf(b, "- NOT DONE here: class %s\n", left)
	}
}

// bound is what N faults without an anomaly say of the rate of failures.
func bound(n int) string {
	if n <= sureness {
		return "nothing is said"
	}
	return fmt.Sprintf("%.2g %%", 100*sureness/float64(n))
}

func (r *tally) figures(b *strings.Builder) {
	w := r.w
	fmt.Fprintf(b, "- %d faults, %d poison records\n", r.faults(), w.poisons.Load())
	fmt.Fprintf(b, "- %d commands asked, %d accepted, each with exactly one outcome; %d deliveries in inboxes; %d events shown to devices\n",
		r.commands, r.accepted, r.delivered, w.shown.Load())
	fmt.Fprintf(b, "- `parley verify` folded %d records again in %v: %d repeats, all byte-identical; it found the %d records that the campaign had forged, and nothing else; `--views`: nothing\n",
		r.records, r.verified.Round(time.Second), r.repeats, len(w.forged))
	fmt.Fprintf(b, "- the checker: %v\n", r.checked)
	fmt.Fprintf(b, "- accepted a second: %.0f before the first fault, %.0f after the last, %.0f on average under faults\n", r.before, r.after,
		float64(r.accepted)/max(r.took.Seconds(), 1))
	fmt.Fprintf(b, "- everything accepted was readable %v after the heal\n", r.readable.Round(10*time.Millisecond))
	fmt.Fprintf(b, "- resyncs %d, snapshots behind their device %d, events shown again (twins; behind snapshots) %d, devices that came back because they were behind %d, that jumped over what is not kept any more %d\n",
		w.resyncs.Load(), w.behind.Load(), w.again.Load(), w.nudges.Load(), w.holed.Load())
	refusals := map[string]int64{}
	w.refusals.Range(func(code, n any) bool { refusals[code.(string)] = n.(*atomic.Int64).Load(); return true })
	for _, code := range slices.Sorted(maps.Keys(refusals)) {
		fmt.Fprintf(b, "- refused with %s: %d\n", code, refusals[code])
	}
	fmt.Fprintf(b, "- processes that ended by their own law, and were started again: %d\n", len(r.ended))
	fmt.Fprintf(b, "- anomalies: %d\n", len(w.findings))
}

// revision is the commit, with a star when files differ from it.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

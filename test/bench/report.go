// The report: what was aimed at and what was found, each measurement's table, on what machine, under which load, by which
// command. It is made from the results alone, from the newest lines of each measurement, so that one may be measured
// without the others. What explains the figures is written by hand in WHY.md, which it links to.

package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parley-im/parley/test/bench/imload"
)

// median of a figure; of an even number the lower of the two in the middle.
func median[N cmp.Ordered](all []imload.Result, figure func(imload.Result) N) N {
	values := make([]N, len(all))
	for i, r := range all {
		values[i] = figure(r)
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// load is how busy the machine is.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	if err != nil || len(f) < 3 {
		return "unknown"
	}
	return strings.Join(f[:3], " ")
}

// processor is the machine's, as Linux names it.
func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(strings.TrimSpace(name), ": \t")
		}
	}
	return runtime.GOARCH
}

// machine is the machine in words.
func machine() string { return fmt.Sprintf("%d processors (%s)", runtime.NumCPU(), processor()) }

func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// toReport lets text be written to the report's file, or to standard output when it is named "-".
func toReport(path string, text func(io.Writer) error) error {
	out := io.Writer(os.Stdout)
	if path != "-" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	w := bufio.NewWriter(out)
	if err := text(w); err != nil {
		return err
	}
	return w.Flush()
}

// book is the newest lines of every measurement, by its name.
type book map[string][]imload.Result

// readBook reads the results. Lines of older commands, and of other commands than these, are left out.
func readBook(path string) (book, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := book{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var r imload.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		name, _, _ := strings.Cut(r.Label, "/")
		if all := b[name]; r.Run == "" || len(all) > 0 && r.Run < all[0].Run {
			continue
		} else if len(all) > 0 && r.Run > all[0].Run {
			b[name] = nil
		}
		b[name] = append(b[name], r)
	}
	return b, lines.Err()
}

// talks are the lines of people who talk.
func (b book) talks() (found []imload.Result) {
	for _, s := range scenarios {
		found = append(found, b[s.name]...)
	}
	return found
}

func reportCommand(_ context.Context, args []string) error {
	o := options{}
	flags := flag.NewFlagSet("report", flag.ExitOnError)
	o.reporting(flags)
	_ = flags.Parse(args) // it ends the process itself
	return writeReport(o)
}

// writeReport makes BENCH.md anew, and its charts.
func writeReport(o options) error {
	b, err := readBook(o.results)
	if err != nil {
		return err
	}
	folder := filepath.Dir(o.results)
	var drawn []drawing
	if o.report != "-" {
		if drawn, err = draw(b, folder); err != nil {
			return err
		}
	}
	return toReport(o.report, func(w io.Writer) error {
		head(w)
		aimed(w, b)
		for _, d := range drawn {
			path, err := filepath.Rel(filepath.Dir(o.report), d.path)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "![%s](%s)\n\n", d.says, filepath.ToSlash(path))
		}
		if talks := b.talks(); len(talks) > 0 {
			fmt.Fprint(w, "## Talks\n\n")
			figures(w, talks)
			costs(w, talks)
			standstills(w, talks)
		}
		for _, section := range []func(io.Writer, book){sequencers, limits, recoveries, growths, idles, soaks, runs} {
			section(w, b)
		}
		return nil
	})
}

func head(w io.Writer) {
	fmt.Fprintf(w, `# What Parley does under load

Generated from the newest lines of [test/bench/results.jsonl](test/bench/results.jsonl) by `+"`make bench`"+`. Reported with Go %s on %s; [the last table](#what-was-run) says when
each part was measured, of which revision, by which command, on which machine and under which load. Texts of %d bytes; everything on one machine, the load generator too; one
Kafka broker without replicas, Redis with its append-only file, mongo-java-server in memory (half of the machine's) in MongoDB's place; limits of a person and of an address
lifted; groups may have %d members, and each member has an inbox. Every process may use one core (all where a table is restored and where connections are weighed), and the
broker has one network thread and two handlers. Topics have %d partitions unless it is said otherwise. CPU is of all processes, servers included. Medians of the rounds; lost,
duplicate, reordered and refused are the worst of them. What explains the figures, and what was tried: [WHY.md](test/bench/WHY.md).

`, strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, imload.TextSize, groupLimit, defaultPartitions)
}

// aimed is the table of targets.
func aimed(w io.Writer, b book) {
	fmt.Fprint(w, `## Targets

A target is a ratio to a reference that was measured in the same run, in alternating rounds; the ratio is the median of the pairs. What Parley and the
reference made on the machine of that day stands beside it, and says nothing about another machine.

| scenario | figure | target | ratio | | Parley | reference | the reference |
|---|---|---|---|---|---|---|---|
`)
	for _, t := range targets {
		at := notMeasured
		if all := b[t.name]; len(all) > 0 || t.name == "growth" {
			at = t.of(b, all)
		}
		sign := "at most"
		if t.least {
			sign = "at least"
		}
		fmt.Fprintf(w, "| %s | %s | %s %s | %s | %s | %s | %s | %s |\n", t.row, t.figure, sign, written(t.want), measured(at.ratio, ""), t.verdict(at.ratio),
			measured(at.value, t.unit), measured(at.reference, t.unit), t.beside)
	}
	fmt.Fprintln(w)
}

// measured is a number with its unit, or a dash for one that was not measured.
func measured(x float64, unit string) string {
	if math.IsNaN(x) {
		return "-"
	}
	return strings.TrimSpace(written(x) + " " + unit)
}

// written is a number with three digits that count, and thousands set apart.
func written(x float64) string {
	if math.Abs(x) < 1_000 {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	return humanize.Comma(int64(math.Round(x)))
}

// of are the results of a scenario.
func of(found []imload.Result, s scenario) []imload.Result {
	return slices.DeleteFunc(slices.Clone(found), func(r imload.Result) bool { return !strings.HasPrefix(r.Label, s.name+"/") })
}

func figures(w io.Writer, found []imload.Result) {
	fmt.Fprintln(w, "| scenario | delivered/s | CPU per 1,000 sent | per 1,000 delivered | end to end p50 / p99 / p99.9 | accepted p50 / p99 | lost | duplicate | reordered | refused |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range scenarios {
		all := of(found, s)
		if len(all) == 0 {
			continue
		}
		float := func(figure func(imload.Result) float64) float64 { return median(all, figure) }
		worst := func(figure func(imload.Result) int64) int64 {
			return figure(slices.MaxFunc(all, func(a, b imload.Result) int { return cmp.Compare(figure(a), figure(b)) }))
		}
		fmt.Fprintf(w, "| %s: %s | %.0f | %.3f | %.3f | %.1f / %.1f / %.1f | %.1f / %.1f | %d | %d | %d | %d |\n", s.name, s.says,
			float(func(r imload.Result) float64 { return r.DeliveredPerS }),
			float(func(r imload.Result) float64 { return r.CPUPer1k }), float(func(r imload.Result) float64 { return r.CPUPer1kDeliv }),
			float(func(r imload.Result) float64 { return r.E2E50 }), float(func(r imload.Result) float64 { return r.E2E99 }),
			float(func(r imload.Result) float64 { return r.E2E999 }),
			float(func(r imload.Result) float64 { return r.Ack50 }), float(func(r imload.Result) float64 { return r.Ack99 }),
			worst(func(r imload.Result) int64 { return r.Lost }), worst(func(r imload.Result) int64 { return r.Dup }),
			worst(func(r imload.Result) int64 { return r.Reorder }), worst(func(r imload.Result) int64 { return r.AckErr }))
	}
	fmt.Fprintln(w)
}

func costs(w io.Writer, found []imload.Result) {
	if len(found) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(found[0].Processes))
	fmt.Fprintf(w, "CPU seconds of each process for 1,000 messages sent:\n\n| scenario | %s | the generator itself |\n|---|%s---|\n",
		strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, s := range scenarios {
		all := of(found, s)
		if len(all) == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s |", s.name)
		for _, name := range names {
			fmt.Fprintf(w, " %.3f |", median(all, func(r imload.Result) float64 { return r.Processes[name] }))
		}
		fmt.Fprintf(w, " %.3f |\n", median(all, func(r imload.Result) float64 { return r.SelfCPUPer1k }))
	}
	fmt.Fprintln(w)
}

// standstills are what the machine itself did to those who talked.
func standstills(w io.Writer, found []imload.Result) {
	if !slices.ContainsFunc(found, func(r imload.Result) bool { return r.StalledShare > 0 }) {
		return
	}
	fmt.Fprint(w, `The machine is shared, and now and then runs everything ten times slower for a while, with nobody at work too. A thread of the
generator does the same small piece of work every few milliseconds; when it needs more than four times as much CPU time as it usually
does, that is counted as a stall. No p99 can be shorter than stalls that take more than a hundredth of the time.

| scenario | the machine stalled for | longest | p99 | p99 of messages due neither in a stall nor in the 100 ms behind one |
|---|---|---|---|---|
`)
	for _, s := range scenarios {
		if all := of(found, s); len(all) > 0 {
			longest := slices.MaxFunc(all, func(a, b imload.Result) int { return cmp.Compare(a.StallMax, b.StallMax) }).StallMax
			fmt.Fprintf(w, "| %s | %.1f %% | %.0f ms | %.1f ms | %.1f ms |\n", s.name, 100*median(all, func(r imload.Result) float64 { return r.StalledShare }),
				longest, median(all, p99), median(all, func(r imload.Result) float64 { return r.Steady99 }))
		}
	}
	fmt.Fprintln(w)
}

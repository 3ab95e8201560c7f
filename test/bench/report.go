// The summary: medians of each scenario, what each process cost, and on what machine, under which load, by which command.

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

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

func report(o options, found []imload.Result, before string) error {
	return toReport(o.report, func(w io.Writer) error {
		head(w, o, before)
		figures(w, found)
		costs(w, found)
		return nil
	})
}

func head(w io.Writer, o options, before string) {
	fmt.Fprintf(w, `# What Parley does under load

Measured %s, revision %s, %s, %d processors (%s).
Load average before: %s; after: %s. On a machine that others use too, these are figures of that hour and no more.

`, time.Now().UTC().Format(time.DateOnly), revision(), runtime.Version(), runtime.NumCPU(), processor(), before, load())
	fmt.Fprintf(w, "`go run ./test/bench -rounds %d -measure %s -warm %s -heat %s`: texts of %d bytes; everything on one machine, the generator too;\n",
		o.rounds, o.measure, o.warm, o.heat, imload.TextSize)
	fmt.Fprintf(w, `one Kafka broker without replicas, Redis with its append-only file, mongo-java-server in memory in MongoDB's place;
%d partitions; limits of a person and of an address lifted. Medians of %d round(s). Times in milliseconds, CPU in seconds.

`, o.partitions, o.rounds)
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
	fmt.Fprint(w, "\nLost, duplicate, reordered and refused are the worst of the rounds.\n\n")
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
}

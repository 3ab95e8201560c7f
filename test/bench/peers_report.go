// The table of the comparison: medians by scenario and system, and what each system's ack and store mean.

package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

func comparison(o options, sides []*side, before string) error {
	return toReport(o.report, func(w io.Writer) error {
		comparisonHead(w, o, before)
		meanings(w, sides)
		for _, s := range scenarios {
			compared(w, s, sides)
		}
		_, err := fmt.Fprint(w, "\nLost, duplicate, reordered and refused are the worst of the rounds.\n")
		return err
	})
}

func comparisonHead(w io.Writer, o options, before string) {
	fmt.Fprintf(w, `# Beside what people would run instead

Measured %s, %s, %d processors (%s).
Load average before: %s; after: %s. On a machine that others use too, these are figures of that hour and no more.

`, time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), processor(), before, load())
	fmt.Fprintf(w, "`make bench-peers ARGS=\"-rounds %d -measure %s -warm %s\"`: texts of %d bytes, medians of %d round(s). ",
		o.rounds, o.measure, o.warm, imload.TextSize, o.rounds)
	fmt.Fprint(w, `One generator,
one machine, the generator on it too; all systems run all the time and take turns, so each is disturbed by what the others
cost at rest. CPU is of all processes of a system, database and broker included. Times in milliseconds, CPU in seconds.
Compare speeds only together with the next table: a broker that keeps nothing does less than one that keeps everything.

`)
}

func meanings(w io.Writer, sides []*side) {
	fmt.Fprint(w, "| system | what it stores | what an ack means | at rest, of one core |\n|---|---|---|---|\n")
	for _, s := range sides {
		fmt.Fprintf(w, "| %s | %s | %s | %.1f %% |\n", s.version, s.store, s.ack, 100*s.rest)
	}
}

// compared is the table of one scenario; nothing when it was not measured.
func compared(w io.Writer, s scenario, sides []*side) {
	named := s
	named.name = "peers-" + s.name
	headed := false
	for _, side := range sides {
		all := of(side.found, named)
		if len(all) == 0 {
			continue
		}
		if !headed {
			fmt.Fprintf(w, "\n## %s\n\n| system | delivered/s | CPU for 1,000 sent | for 1,000 delivered | end to end p50 / p99 / p99.9 | accepted p50 / p99 | lost | duplicate | reordered | refused |\n", s.says)
			fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
			headed = true
		}
		float := func(figure func(imload.Result) float64) float64 { return median(all, figure) }
		worst := func(figure func(imload.Result) int64) int64 {
			return figure(slices.MaxFunc(all, func(a, b imload.Result) int { return cmp.Compare(figure(a), figure(b)) }))
		}
		fmt.Fprintf(w, "| %s | %.0f | %.3f | %.3f | %.1f / %.1f / %.1f | %.1f / %.1f | %d | %d | %d | %d |\n", side.name,
			float(func(r imload.Result) float64 { return r.DeliveredPerS }),
			float(func(r imload.Result) float64 { return r.CPUPer1k }), float(func(r imload.Result) float64 { return r.CPUPer1kDeliv }),
			float(func(r imload.Result) float64 { return r.E2E50 }), float(func(r imload.Result) float64 { return r.E2E99 }),
			float(func(r imload.Result) float64 { return r.E2E999 }),
			float(func(r imload.Result) float64 { return r.Ack50 }), float(func(r imload.Result) float64 { return r.Ack99 }),
			worst(func(r imload.Result) int64 { return r.Lost }), worst(func(r imload.Result) int64 { return r.Dup }),
			worst(func(r imload.Result) int64 { return r.Reorder }), worst(func(r imload.Result) int64 { return r.AckErr }))
	}
}

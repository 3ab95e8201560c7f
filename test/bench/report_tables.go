// The tables of BENCH.md beside those of talks: one for each measurement that was made, and none for one that was not.

package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/test/bench/imload"
)

// of is the median of what lines call by this name.
func (b book) median(name, figure string) float64 {
	return median(b[name], func(r imload.Result) float64 { return r.Figures[figure] })
}

// sequencers is the machine of conversations alone, under both wirings.
func sequencers(w io.Writer, b book) {
	if len(b["processor-"+wirings[0]]) == 0 {
		return
	}
	fmt.Fprint(w, `## The sequencer alone

The group of conversations on one core (GOMAXPROCS=1), fed from a filled topic on real Kafka with nothing else running, under this
deployment's wiring (franz-go, Pebble, outputs before rows, fenced takeover) and under goka's own (sarama, LevelDB), in turn in one run.
Each command is one record in; two inboxes' records, an event and a row come out. This deployment writes one row of a key that is
folded again within the pace of rows; goka writes each.

| wiring | commands/s | CPU a command | Kafka's CPU a command | cores in use |
|---|---|---|---|---|
`)
	for _, wiring := range wirings {
		if name := "processor-" + wiring; len(b[name]) > 0 {
			fmt.Fprintf(w, "| %s | %s | %.1f us | %.1f us | %.2f |\n", wiring, written(b.median(name, "commands_per_s")),
				b.median(name, "cpu_us"), b.median(name, "kafka_cpu_us"), b.median(name, "cores"))
		}
	}
	fmt.Fprintln(w)
}

// limits is the bare chain beside the deployment.
func limits(w io.Writer, b book) {
	chain, deployment := b["limit"], b["full"]
	if len(chain) == 0 {
		return
	}
	fmt.Fprint(w, `## The limit of the log

A bare chain that consumes and produces the eleven records of a message's walk (three hops, the same keys, headers and lengths) and
decides nothing, through the broker that the deployment used, at the same depth in flight, with the deployment's processes ended.

| | delivered/s | p50 / p99 | CPU for 1,000 | of it Kafka's |
|---|---|---|---|---|
`)
	row := func(name string, all []imload.Result) {
		fmt.Fprintf(w, "| %s | %s | %.1f / %.1f ms | %.3f | %.3f |\n", name, written(median(all, deliveredPerS)), median(all, p50), median(all, p99),
			median(all, cpuPer1k), median(all, func(r imload.Result) float64 { return r.Processes["kafka"] }))
	}
	row("bare chain", chain)
	if len(deployment) > 0 {
		row("deployment", deployment)
		fmt.Fprintf(w, "\nThe chain carries %.1f times what the deployment does.\n", limitRatio(b, chain))
	}
	fmt.Fprintln(w)
}

func recoveries(w io.Writer, b book) {
	if all := b["restore"]; len(all) > 0 {
		fmt.Fprintf(w, `## Recovery

A process without a local store reads the table of conversations: %s rows of %.0f bytes, in **%.1f s** from its start until
it is ready (%.1f s of its CPU; %.0f MiB on disk, %.0f MiB held afterwards).

`, written(b.median("restore", "rows")), b.median("restore", "row_bytes"), b.median("restore", "seconds"),
			b.median("restore", "cpu_s"), b.median("restore", "store_mib"), b.median("restore", "held_mib"))
	}
	all := b["takeover"]
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, `Two processes of all processors, each with a hot standby of the other's tables, a session timeout of %.3g s; one is killed with
kill -9 while people send %d messages a second. The gap is the longest wait of a message from when it was due.

| round | gap | p50 | lost | duplicate | reordered | refused |
|---|---|---|---|---|---|---|
`, b.median("takeover", "session_s"), probeRate)
	for i, r := range all {
		fmt.Fprintf(w, "| %d | %.2f s | %.1f ms | %d | %d | %d | %d |\n", i+1, r.Figures["gap_s"], r.E2E50, r.Lost, r.Dup, r.Reorder, r.AckErr)
	}
	fmt.Fprintln(w)
}

func growths(w io.Writer, b book) {
	if len(byUsers(b)) == 0 {
		return
	}
	fmt.Fprintf(w, `## Growth

%d messages a second to conversations drawn from all that there are, so that rows are met which nobody has met for long. The tables were
filled beforehand with the rows that the folds make. A message is delivered when its sender's own device is told of it.

| users and conversations | partitions | CPU for 1,000 | p50 / p99 | processors hold | lost |
|---|---|---|---|---|---|
`, growthRate)
	for _, h := range slices.Concat(byUsers(b), byPartitions(b)) {
		lost := slices.MaxFunc(h.lines, func(a, b imload.Result) int { return int(a.Lost - b.Lost) }).Lost
		fmt.Fprintf(w, "| %s | %d | %.3f | %.1f / %.1f ms | %.0f MiB | %d |\n", written(float64(h.users)), h.partitions, median(h.lines, cpuPer1k),
			median(h.lines, p50), median(h.lines, p99), median(h.lines, func(r imload.Result) float64 { return r.Figures["held_mib_processors"] }), lost)
	}
	fmt.Fprintln(w)
}

func idles(w io.Writer, b book) {
	if all := b["idle"]; len(all) > 0 {
		fmt.Fprintf(w, "## Idle\n\n%s people connect and say nothing: each costs the gateway %.1f KiB resident (PSS), of which %.1f KiB are heap and stacks in use.\n\n",
			written(float64(all[0].Conns)), b.median("idle", "resident_kib"), b.median("idle", "live_kib"))
	}
}

// soaks is the newest soak: what it was, and each series that is judged.
func soaks(w io.Writer, b book) {
	all, looks := b["soak"], b["soaking"]
	if len(all) == 0 || len(looks) == 0 {
		return
	}
	r := all[len(all)-1]
	fmt.Fprintf(w, "## Soak\n\n%s at %.0f messages a second", time.Duration(r.Figures["lasts_s"]*float64(time.Second)), r.Rate)
	if most := r.Figures["maximum_per_s"]; most > 0 {
		fmt.Fprintf(w, " (%.0f %% of the %s that were measured just before)", 100*r.Figures["share"], written(most))
	}
	if warm := float64(r.Sent)/r.Rate - r.Figures["lasts_s"]; warm >= 1 {
		fmt.Fprintf(w, ", looked at behind %s of the same", time.Duration(math.Round(warm))*time.Second)
	}
	fmt.Fprintf(w, `: %s sent, p50 %.1f ms, p99 %.1f ms; %d lost, %d duplicate, %d reordered, %d refused.
%d looks. A series has grown by its median slope (Theil and Sen) times the length of the soak, as a share of its median; memory of our
processes may grow by %.0f %%, goroutines by %.0f %%, latency by %.0f %%; views may be %.0f s of messages behind. Stores grow by what they store; a heap
at any moment is half garbage, so it is judged by the size at which its collector runs next. The second half is shown and not judged.

| series | first | last | highest | grew | in the second half | |
|---|---|---|---|---|---|---|
`, written(float64(r.Sent)), r.E2E50, r.E2E99, r.Lost, r.Dup, r.Reorder, r.AckErr, len(looks), 100*flatMemory, 100*flatGoroutines, 100*flatLatency, lagLimit)
	for _, v := range judged(seriesOf(looks), r.Rate) {
		said := "flat"
		switch {
		case v.limit == 0 && v.mostOf == 0:
			said = ""
		case !v.flat():
			said = "**not flat**"
		}
		fmt.Fprintf(w, "| %s | %.4g | %.4g | %.4g | %+.1f %% | %+.1f %% | %s |\n", strings.ReplaceAll(v.series, "_", " "), v.first, v.last, v.most, 100*v.grew, 100*v.late, said)
	}
	fmt.Fprintln(w)
}

// runs says when each part was measured, of what, by which command, under which load.
func runs(w io.Writer, b book) {
	fmt.Fprint(w, "## What was run\n\n| measured | began | revision | runs | command | machine | load average behind the last |\n|---|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(b)) {
		last := b[name][len(b[name])-1]
		fmt.Fprintf(w, "| %s | %s | %s | %d | `%s` | %s | %s |\n", name, last.Run, last.Revision, len(b[name]), strings.ReplaceAll(last.Command, "|", "\\|"), last.Machine, last.Load)
	}
}

// What is aimed at, and whether it was met: every figure is read from the newest lines of the results, beside its reference.

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parley-im/parley/test/bench/imload"
)

// flatGrowth is how much more the dearest deployment of a comparison may cost than the cheapest and still be called as dear.
const flatGrowth = 1.2

// target is one figure that is aimed at: a ratio to a reference of the same run, because the speed of a machine differs by more
// than two between days. Counts, and what is a comparison already, are aimed at as they are.
type target struct {
	row    string // of the table
	name   string // of the lines
	figure string
	unit   string // of what was measured, and of its reference
	of     measure
	want   float64
	least  bool   // at least so much; otherwise at most
	beside string // what the reference is
}

// measure reads a target's figure from its lines: what was measured, its reference, and their ratio. Without a reference the ratio
// is what was measured.
type measure func(b book, all []imload.Result) found

// found is a figure; NaN is one that was not measured.
type found struct{ value, reference, ratio float64 }

var notMeasured = found{math.NaN(), math.NaN(), math.NaN()}

// reading is one figure of a line.
type reading func(imload.Result) float64

// met reports whether a ratio is what was wanted.
func (t target) met(ratio float64) bool {
	if t.least {
		return ratio >= t.want
	}
	return ratio <= t.want
}

// verdict is "met", or how far off it is.
func (t target) verdict(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "not measured"
	case t.met(ratio):
		return "met"
	case t.least:
		return fmt.Sprintf("**%.2f of it**", ratio/t.want)
	case t.want == 0:
		return fmt.Sprintf("**%g**", ratio)
	}
	return fmt.Sprintf("**%.1f times it**", ratio/t.want)
}

// absolute is a figure without a reference.
func absolute(of func(book, []imload.Result) float64) measure {
	return func(b book, all []imload.Result) found {
		value := of(b, all)
		return found{value, math.NaN(), value}
	}
}

// within compares two figures of each line.
func within(own, reference reading) measure {
	return func(_ book, all []imload.Result) found { return ratios(all, own, reference) }
}

// beside compares each line with the line of the same round and run that has another name.
func beside(name string, of reading) measure {
	return func(b book, all []imload.Result) found {
		return ratios(all, of, func(r imload.Result) float64 {
			_, round, _ := strings.Cut(r.Label, "/")
			i := slices.IndexFunc(b[name], func(o imload.Result) bool { return o.Run == r.Run && o.Label == name+"/"+round })
			if i < 0 {
				return math.NaN()
			}
			return of(b[name][i])
		})
	}
}

// ratios are the medians over the lines that have a reference: of each figure, and of the ratios of the pairs.
func ratios(all []imload.Result, own, reference reading) found {
	paired := slices.DeleteFunc(slices.Clone(all), func(r imload.Result) bool { return math.IsNaN(reference(r)) })
	if len(paired) == 0 {
		return found{median(all, own), math.NaN(), math.NaN()}
	}
	return found{median(paired, own), median(paired, reference), median(paired, func(r imload.Result) float64 { return own(r) / reference(r) })}
}

// figure is what a line calls by this name.
func figure(name string) reading {
	return func(r imload.Result) float64 {
		if value, ok := r.Figures[name]; ok {
			return value
		}
		return math.NaN()
	}
}

// wrongs are the messages of all rounds that were lost, or came twice or out of order, or were refused.
func wrongs(_ book, all []imload.Result) float64 {
	sum := int64(0)
	for _, r := range all {
		sum += max(r.Lost, 0) + r.Dup + r.Reorder + r.AckErr
	}
	return float64(sum)
}

func deliveredPerS(r imload.Result) float64 { return r.DeliveredPerS }
func cpuPer1k(r imload.Result) float64      { return r.CPUPer1k }
func p50(r imload.Result) float64           { return r.E2E50 }
func p99(r imload.Result) float64           { return r.E2E99 }

func accepted50(r imload.Result) float64     { return r.Ack50 }
func cpuPerDelivery(r imload.Result) float64 { return r.CPUPer1kDeliv }

const (
	bareChain  = "the bare chain, the same messages in the same round"
	gokaWiring = "goka's own wiring, in turn"
)

// targets are the table.
var targets = []target{
	{"200 connections, 400 in flight, 1:1", "full", "delivered/s", "", beside("ref-full", deliveredPerS), 0.33, true, bareChain},
	{"", "full", "CPU for 1,000", "s", beside("ref-full", cpuPer1k), 3, false, bareChain},
	{"", "full", "lost, duplicate, reordered, refused", "", absolute(wrongs), 0, false, ""},
	{"200 connections, 300/s", "calm", "p50 end to end", "ms", beside("ref-calm", p50), 2.5, false, bareChain},
	{"", "calm", "p99 end to end", "ms", beside("ref-calm", p99), 2.5, false, bareChain},
	{"", "calm", "accepted p50", "ms", beside("ref-calm", accepted50), 2, false, "its first record's ack"},
	{"1,000 connections, 500/s", "many", "p50 end to end", "ms", beside("ref-many", p50), 2.5, false, bareChain},
	{"", "many", "p99 end to end", "ms", beside("ref-many", p99), 2.5, false, bareChain},
	{"2 groups of 100 online, 2 in flight", "group", "deliveries/s", "", beside("ref-group", deliveredPerS), 0.33, true, bareChain},
	{"", "group", "CPU for 1,000 deliveries", "s", beside("ref-group", cpuPerDelivery), 3, false, bareChain},
	{"", "group", "lost, duplicate, reordered, refused", "", absolute(wrongs), 0, false, ""},
	{"idle, per WebSocket connection", "idle", "resident in the gateway (PSS), KiB", "", absolute(middle(figure("resident_kib"))), 8, false, "bytes, which no faster machine makes fewer"},
	{"processor alone: sequencer, one core", "processor-parley", "commands/s", "", beside("processor-goka", figure("commands_per_s")), 2.5, true, gokaWiring},
	{"limit of the log", "limit", "bare chain / deployment, delivered/s", "", absolute(limitRatio), 3, false, "the chain with nobody else at the broker"},
	{"recovery", "restore", "a table of 1,000,000 rows restored", "s", within(figure("seconds"), figure("bare_s")), 8, false, "reading the same records into a map"},
	{"", "takeover", "longest gap after kill -9, hot standby", "s", within(figure("gap_s"), figure("session_s")), 2, false, "the session timeout"},
	{"", "takeover", "lost, duplicate, reordered, refused", "", absolute(wrongs), 0, false, ""},
	{"growth", "growth", "CPU, dearest / cheapest, by users", "", absolute(grew(cpuPer1k, byUsers)), flatGrowth, false, "the same, smaller"},
	{"", "growth", "p50, slowest / fastest, by users", "", absolute(grew(p50, byUsers)), flatGrowth, false, "the same, smaller"},
	{"", "growth", "CPU, dearest / cheapest, by partitions", "", absolute(grew(cpuPer1k, byPartitions)), flatGrowth, false, "the same, smaller"},
	{"", "growth", "p50, slowest / fastest, by partitions", "", absolute(grew(p50, byPartitions)), flatGrowth, false, "the same, smaller"},
	{"soak at 70 % of the maximum", "soak", "series that grew beyond their limit", "", absolute(unflat), 0, false, "the soak's beginning"},
	{"", "soak", "lost, duplicate, reordered, refused", "", absolute(wrongs), 0, false, ""},
}

// middle is the median of the lines.
func middle(of reading) func(book, []imload.Result) float64 {
	return func(_ book, all []imload.Result) float64 { return median(all, of) }
}

// limitRatio is how often the deployment would fit into the chain, of lines of one command.
func limitRatio(b book, all []imload.Result) float64 {
	deployment := slices.DeleteFunc(slices.Clone(b["full"]), func(r imload.Result) bool { return r.Run != all[0].Run })
	if len(deployment) == 0 {
		deployment = b["full"]
	}
	if len(deployment) == 0 {
		return math.NaN()
	}
	return median(all, deliveredPerS) / median(deployment, deliveredPerS)
}

// unflat counts the series of the newest soak that grew.
func unflat(b book, all []imload.Result) (count float64) {
	looks := b["soaking"]
	if len(looks) == 0 {
		return math.NaN()
	}
	for _, v := range judged(seriesOf(looks), all[len(all)-1].Rate) {
		if !v.flat() {
			count++
		}
	}
	return count
}

// grownDeployment is one size of growing deployments with its lines.
type grownDeployment struct {
	size
	lines []imload.Result
}

// byUsers and byPartitions are the two comparisons of growing deployments.
func byUsers(b book) []grownDeployment {
	return b.grown(func(s size) int { return s.users }, func(s size) bool { return s.partitions == growthSpread })
}

func byPartitions(b book) []grownDeployment {
	return b.grown(func(s size) int { return s.partitions }, func(s size) bool { return s.users == growthUsers && s.partitions != growthSpread })
}

// grown are the deployments that were measured, by what they differ in.
func (b book) grown(by func(size) int, which func(size) bool) (all []grownDeployment) {
	for name, lines := range b {
		if !strings.HasPrefix(name, "growth-") {
			continue
		}
		s := size{int(lines[0].Figures["users"]), int(lines[0].Figures["partitions"])}
		if which(s) {
			all = append(all, grownDeployment{s, lines})
		}
	}
	slices.SortFunc(all, func(a, b grownDeployment) int { return by(a.size) - by(b.size) })
	return all
}

// grew is the highest figure among deployments over the lowest; of one deployment alone nothing is known.
func grew(of reading, among func(book) []grownDeployment) func(book, []imload.Result) float64 {
	return func(b book, _ []imload.Result) float64 {
		deployments := among(b)
		if len(deployments) < 2 {
			return math.NaN()
		}
		var found []float64
		for _, h := range deployments {
			found = append(found, median(h.lines, of))
		}
		return slices.Max(found) / slices.Min(found)
	}
}

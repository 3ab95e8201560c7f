// What is aimed at, and whether it was met: every figure is read from the newest lines of the results.

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parley-im/parley/test/bench/imload"
)

// flatGrowth is how much more the dearest house of a comparison may cost than the cheapest and still be called as dear.
const flatGrowth = 1.2

// target is one figure that is aimed at.
type target struct {
	row    string // of the table
	name   string // of the lines
	figure string
	unit   string
	of     func(b book, all []imload.Result) float64
	want   float64
	least  bool   // at least so much; otherwise at most
	peer   string // the best of those that store messages
}

// met reports whether a figure is what was wanted.
func (t target) met(found float64) bool {
	if t.least {
		return found >= t.want
	}
	return found <= t.want
}

// verdict is "met", or how far off it is.
func (t target) verdict(found float64) string {
	switch {
	case math.IsNaN(found):
		return "not measured"
	case t.met(found):
		return "met"
	case t.least:
		return fmt.Sprintf("**%.2f of it**", found/t.want)
	case t.want == 0:
		return fmt.Sprintf("**%g**", found)
	}
	return fmt.Sprintf("**%.1f times it**", found/t.want)
}

// middle is a target's figure: the median of the rounds.
func middle(figure func(imload.Result) float64) func(book, []imload.Result) float64 {
	return func(_ book, all []imload.Result) float64 { return median(all, figure) }
}

// figure is the median of what a line calls by this name.
func figure(name string) func(book, []imload.Result) float64 {
	return middle(func(r imload.Result) float64 { return r.Figures[name] })
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

const (
	fullPeer  = "WuKongIM 2.2: 7,042; 0.171; reorders"
	calmPeer  = "WuKongIM 2.2: 1.6 / 8.7; no log between"
	manyPeer  = "WuKongIM 2.2: 1.6 / 9.7"
	groupPeer = "WuKongIM 2.2: 28,070; 0.042; reorders"
)

// targets are the table.
var targets = []target{
	{"200 connections, 400 in flight, 1:1", "full", "delivered/s", "", middle(deliveredPerS), 12_000, true, fullPeer},
	{"", "full", "CPU for 1,000", "s", middle(cpuPer1k), 0.12, false, ""},
	{"", "full", "lost, duplicate, reordered, refused", "", wrongs, 0, false, ""},
	{"200 connections, 300/s", "calm", "p50 end to end", "ms", middle(p50), 4, false, calmPeer},
	{"", "calm", "p99 end to end", "ms", middle(p99), 12, false, ""},
	{"", "calm", "accepted p50", "ms", middle(func(r imload.Result) float64 { return r.Ack50 }), 1.5, false, ""},
	{"1,000 connections, 500/s", "many", "p50 end to end", "ms", middle(p50), 4, false, manyPeer},
	{"", "many", "p99 end to end", "ms", middle(p99), 15, false, ""},
	{"2 groups of 100 online, 2 in flight", "group", "deliveries/s", "", middle(deliveredPerS), 30_000, true, groupPeer},
	{"", "group", "CPU for 1,000 deliveries", "s", middle(func(r imload.Result) float64 { return r.CPUPer1kDeliv }), 0.04, false, ""},
	{"", "group", "lost, duplicate, reordered, refused", "", wrongs, 0, false, ""},
	{"idle, per WebSocket connection", "idle", "resident in the gateway (PSS)", "KiB", figure("resident_kib"), 8, false, "33 (Tinode), 49 (Centrifugo)"},
	{"processor alone: sequencer, one core", "processor-parley", "commands/s", "", figure("commands_per_s"), 80_000, true, "goka's own wiring, below"},
	{"limit of the log", "limit", "bare chain / house, delivered/s", "", limitRatio, 3, false, "1"},
	{"recovery", "restore", "a table of 1,000,000 rows restored", "s", perMillionRows, 10, false, ""},
	{"", "takeover", "longest gap after kill -9, hot standby", "s", figure("gap_s"), 2, false, "6.4 (rebalance of stock goka)"},
	{"", "takeover", "lost, duplicate, reordered, refused", "", wrongs, 0, false, ""},
	{"growth", "growth", "CPU, dearest / cheapest, by users", "", grew(cpuPer1k, byUsers), flatGrowth, false, ""},
	{"", "growth", "p50, slowest / fastest, by users", "", grew(p50, byUsers), flatGrowth, false, ""},
	{"", "growth", "CPU, dearest / cheapest, by partitions", "", grew(cpuPer1k, byPartitions), flatGrowth, false, ""},
	{"", "growth", "p50, slowest / fastest, by partitions", "", grew(p50, byPartitions), flatGrowth, false, ""},
	{"soak at 70 % of the maximum", "soak", "series that grew beyond their limit", "", unflat, 0, false, ""},
	{"", "soak", "lost, duplicate, reordered, refused", "", wrongs, 0, false, ""},
}

// limitRatio is how often the house would fit into the chain, of lines of one command.
func limitRatio(b book, all []imload.Result) float64 {
	house := slices.DeleteFunc(slices.Clone(b["full"]), func(r imload.Result) bool { return r.Run != all[0].Run })
	if len(house) == 0 {
		house = b["full"]
	}
	if len(house) == 0 {
		return math.NaN()
	}
	return median(all, deliveredPerS) / median(house, deliveredPerS)
}

// perMillionRows is the time for a million, when fewer or more were read.
func perMillionRows(_ book, all []imload.Result) float64 {
	return median(all, func(r imload.Result) float64 { return r.Figures["seconds"] * 1e6 / r.Figures["rows"] })
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

// grownHouse is one size of growing houses with its lines.
type grownHouse struct {
	size
	lines []imload.Result
}

// byUsers and byPartitions are the two comparisons of growing houses.
func byUsers(b book) []grownHouse {
	return b.grown(func(s size) int { return s.users }, func(s size) bool { return s.partitions == growthSpread })
}

func byPartitions(b book) []grownHouse {
	return b.grown(func(s size) int { return s.partitions }, func(s size) bool { return s.users == growthUsers && s.partitions != growthSpread })
}

// grown are the houses that were measured, by what they differ in.
func (b book) grown(by func(size) int, which func(size) bool) (all []grownHouse) {
	for name, lines := range b {
		if !strings.HasPrefix(name, "growth-") {
			continue
		}
		s := size{int(lines[0].Figures["users"]), int(lines[0].Figures["partitions"])}
		if which(s) {
			all = append(all, grownHouse{s, lines})
		}
	}
	slices.SortFunc(all, func(a, b grownHouse) int { return by(a.size) - by(b.size) })
	return all
}

// grew is the highest figure among houses over the lowest; of one house alone nothing is known.
func grew(figure func(imload.Result) float64, among func(book) []grownHouse) func(book, []imload.Result) float64 {
	return func(b book, _ []imload.Result) float64 {
		houses := among(b)
		if len(houses) < 2 {
			return math.NaN()
		}
		var found []float64
		for _, h := range houses {
			found = append(found, median(h.lines, figure))
		}
		return slices.Max(found) / slices.Min(found)
	}
}

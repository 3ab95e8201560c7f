// Whether something stays as it is: the slope of a series, as what it would have grown by from beginning to end.

package main

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Most that a series may grow by over a soak, as a share of its middle. Memory is judged of our processes alone: stores
// grow by what they store. A heap at any moment is half garbage; judged is at what size its collector means to run next.
const (
	flatMemory     = 0.10
	flatGoroutines = 0.05
	flatLatency    = 0.25
	lagLimit       = 10.0 // seconds of messages that a reader may be behind, at every look
)

// growth is the median slope between any two looks (Theil and Sen's), times the time between the first and the last, as
// a share of the series' median. One odd minute does not move it.
func growth(series []float64) float64 {
	middle := middleOf(series)
	if len(series) < 2 || middle == 0 {
		return 0
	}
	var slopes []float64
	for i := range series {
		for j := i + 1; j < len(series); j++ {
			slopes = append(slopes, (series[j]-series[i])/float64(j-i))
		}
	}
	return middleOf(slopes) * float64(len(series)-1) / middle
}

func middleOf(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	all = slices.Clone(all)
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// verdict is what a series is judged to be.
type verdict struct {
	series       string
	middle       float64
	first, last  float64
	grew         float64 // share
	late         float64 // the same of the second half: what fills up in the first has stopped growing by then
	limit        float64 // of it; 0 = shown, and not judged
	most, mostOf float64 // highest look, and the limit of it; 0 = not judged by it
}

func (v verdict) flat() bool {
	return (v.limit == 0 || v.grew <= v.limit) && (v.mostOf == 0 || v.most <= v.mostOf)
}

// judged are all series of a soak with their limits, at a rate of messages a second. A queue of nothing has no slope: lag
// is judged by its highest look.
func judged(series map[string][]float64, rate float64) (all []verdict) {
	for name, s := range series {
		v := verdict{series: name, middle: middleOf(s), first: s[0], last: s[len(s)-1], grew: growth(s), late: growth(s[len(s)/2:]), most: slices.Max(s)}
		ours := slices.ContainsFunc(parts, func(p part) bool { return strings.HasSuffix(name, "_"+p.name) })
		switch {
		case ours && (strings.HasPrefix(name, "rss_") || strings.HasPrefix(name, "heap_goal_")):
			v.limit = flatMemory
		case ours && strings.HasPrefix(name, "goroutines_"):
			v.limit = flatGoroutines
		case strings.HasPrefix(name, "p50_"), strings.HasPrefix(name, "p99_"):
			v.limit = flatLatency
		case name == "lag_records_views":
			v.mostOf = lagLimit * rate
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b verdict) int { return cmp.Compare(a.series, b.series) })
	return all
}

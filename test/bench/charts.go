// The charts of BENCH.md, as SVG files beside the results.

package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-analyze/charts"

	"github.com/parley-im/parley/test/bench/imload"
)

const (
	chartsFolder = "charts"
	chartWidth   = 900 // pixels
	barHeight    = 34  // of a category in a chart of bars
	chartFrame   = 110 // title, legend and axis
)

// peersMeasured are raw lines of what people would run instead: each alone, on this kind of machine, by the same generator.
//
//go:embed peers-2026-11-22.jsonl
var peersMeasured []byte

const peersDay = "22 November 2026"

// drawing is a chart that was written.
type drawing struct{ path, says string }

// bars is a chart of horizontal bars: a category each, a value of each series.
type bars struct {
	file, title string
	categories  []string
	series      []string
	values      [][]float64 // by series
	stacked     bool
	digits      int // behind the point
}

// draw writes every chart for which there are figures.
func draw(b book, folder string) (drawn []drawing, err error) {
	folder = filepath.Join(folder, chartsFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	peers, err := peersBy()
	if err != nil {
		return nil, err
	}
	all := []bars{latencies(b), processes(b)}
	all = append(all, besidePeers(b, peers)...)
	for _, c := range all {
		if len(c.categories) == 0 {
			continue
		}
		d := drawing{filepath.Join(folder, c.file), c.title}
		if err := c.write(d.path); err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
		drawn = append(drawn, d)
	}
	soaked, err := drawSoak(b, folder)
	return append(drawn, soaked...), err
}

// write renders the chart. The library counts categories from below.
func (c bars) write(path string) error {
	values := make([][]float64, len(c.values))
	for i, v := range c.values {
		values[i] = slices.Clone(v)
		slices.Reverse(values[i])
	}
	categories := slices.Clone(c.categories)
	slices.Reverse(categories)
	o := charts.NewBarChartOptionWithData(values)
	o.Horizontal = true
	o.StackSeries = charts.Ptr(c.stacked)
	o.Title.Text = c.title
	o.Title.FontStyle.FontSize = 13
	o.CategoryAxis.Labels = categories
	o.CategoryAxis.LabelFontStyle.FontSize = 10
	o.Legend.SeriesNames = c.series
	o.Legend.Show = charts.Ptr(len(c.series) > 1)
	o.Legend.Offset = charts.OffsetStr{Top: "26", Left: "120"}
	o.ValueAxis[0].Min, o.ValueAxis[0].LabelCount = charts.Ptr(0.0), 6
	o.ValueFormatter = func(x float64) string { return charts.FormatValueHumanize(x, c.digits, true) }
	for i := range o.SeriesList {
		o.SeriesList[i].Label.Show = charts.Ptr(!c.stacked)
		o.SeriesList[i].Label.ValueFormatter = o.ValueFormatter
	}
	o.Padding = charts.Box{Top: 10, Left: 10, Right: 60, Bottom: 10, IsSet: true}
	lanes := len(categories)
	if !c.stacked {
		lanes *= (len(values) + 1) / 2
	}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartFrame + lanes*barHeight})
	if err := p.BarChart(o); err != nil {
		return err
	}
	return save(p, path)
}

// save writes the SVG with a line for each element, so that a change of one bar is a change of one line.
func save(p *charts.Painter, path string) error {
	svg, err := p.Bytes()
	if err != nil {
		return err
	}
	svg = bytes.ReplaceAll(svg, []byte("><"), []byte(">\n<"))
	return os.WriteFile(path, append(bytes.TrimSpace(svg), '\n'), 0o644)
}

// latencies are the quantiles of talks that do not fill the deployment.
func latencies(b book) bars {
	c := bars{file: "latency.svg", title: "End to end, milliseconds", series: []string{"p50", "p99", "p99.9"}, values: make([][]float64, 3), digits: 1}
	for _, s := range scenarios {
		if all := b[s.name]; len(all) > 0 && s.name != scenarios[0].name {
			c.categories = append(c.categories, s.name)
			for i, figure := range []func(imload.Result) float64{p50, p99, func(r imload.Result) float64 { return r.E2E999 }} {
				c.values[i] = append(c.values[i], median(all, figure))
			}
		}
	}
	return c
}

// processes are what a delivery costs in each process, talk by talk. Its unit is small, because the library begins the axis
// of a stacked chart one below the least value.
func processes(b book) bars {
	c := bars{file: "cpu.svg", title: "CPU microseconds for a delivery, by process", stacked: true}
	for _, s := range scenarios {
		all := b[s.name]
		if len(all) == 0 || s.name == "rest" { // of so few messages one learns nothing but what rest costs
			continue
		}
		if c.series == nil {
			c.series = slices.Sorted(maps.Keys(all[0].Processes))
			c.values = make([][]float64, len(c.series))
		}
		c.categories = append(c.categories, s.name)
		for i, name := range c.series {
			c.values[i] = append(c.values[i], median(all, func(r imload.Result) float64 { return 1000 * r.Processes[name] * r.CPUPer1kDeliv / r.CPUPer1k }))
		}
	}
	return c
}

// storing are the peers that keep messages; their names are starred.
var storing = []string{"wukongim2", "wukongim3", "tinode", "ejabberd", "goim"}

// leftOut are peers that say nothing more: the same server by a slower protocol. goim has no groups of its own kind, and its
// rooms gather for a second.
var leftOut = []string{"wukongim2json"}

// peersBy are the peers' lines by name and scenario: full, calm, many and group, as here.
func peersBy() (map[string]map[string][]imload.Result, error) {
	found := map[string]map[string][]imload.Result{}
	lines := bufio.NewScanner(bytes.NewReader(peersMeasured))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r imload.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("the peers' lines: %w", err)
		}
		name, _, _ := strings.Cut(r.Label, "/")
		if found[name] == nil {
			found[name] = map[string][]imload.Result{}
		}
		for _, s := range scenarios {
			if c := s.asked; c.Scenario == r.Scenario && c.Conns == r.Conns && c.Rate == r.Rate && c.Window == r.Window {
				found[name][s.name] = append(found[name][s.name], r)
			}
		}
	}
	return found, lines.Err()
}

// besidePeers are what is delivered and what it costs, Parley first.
func besidePeers(b book, peers map[string]map[string][]imload.Result) (all []bars) {
	for _, c := range []struct {
		talk, file, title string
		digits            int
		figure            func(imload.Result) float64
	}{
		{"full", "full_delivered.svg", "Delivered a second, 400 in flight, 1:1", 0, deliveredPerS},
		{"full", "full_cpu.svg", "CPU seconds for 1,000 messages, 400 in flight, 1:1", 3, cpuPer1k},
		{"calm", "calm_p50.svg", "p50 in milliseconds, 300 messages a second, 1:1", 1, p50},
		{"calm", "calm_cpu.svg", "CPU seconds for 1,000 messages, 300 a second, 1:1", 2, cpuPer1k},
		{"group", "group_delivered.svg", "Deliveries a second, 2 groups of 100", 0, deliveredPerS},
		{"group", "group_cpu.svg", "CPU seconds for 1,000 deliveries, 2 groups of 100", 3, func(r imload.Result) float64 { return r.CPUPer1kDeliv }},
	} {
		ours := b[c.talk]
		if len(ours) == 0 {
			continue
		}
		chart := bars{file: c.file, title: c.title + "; * stores messages; peers of " + peersDay, categories: []string{"Parley *"},
			series: []string{""}, values: [][]float64{{median(ours, c.figure)}}, digits: c.digits}
		for _, name := range slices.Sorted(maps.Keys(peers)) {
			lines := peers[name][c.talk]
			if len(lines) == 0 || slices.Contains(leftOut, name) || name+"/"+c.talk == "goim/group" {
				continue
			}
			if slices.Contains(storing, name) {
				name += " *"
			}
			chart.categories = append(chart.categories, name)
			chart.values[0] = append(chart.values[0], between(lines, c.figure))
		}
		all = append(all, chart)
	}
	return all
}

// between is the median as the peers' table has it: of an even number the mean of the two in the middle.
func between(all []imload.Result, figure func(imload.Result) float64) float64 {
	return (median(all, figure) - median(all, func(r imload.Result) float64 { return -figure(r) })) / 2
}

// soakCharts are what a soak shows: series of one unit each.
var soakCharts = []struct {
	file, title string
	series      []string
}{
	{"soak_memory.svg", "Soak: resident memory, MiB", []string{"rss_mib_processors", "rss_mib_views", "rss_mib_gateway"}},
	{"soak_latency.svg", "Soak: end to end, milliseconds", []string{"p50_ms", "p99_ms"}},
	{"soak_lag.svg", "Soak: records behind", []string{"lag_records_views", "lag_records_processors"}},
	{"soak_goroutines.svg", "Soak: goroutines", []string{"goroutines_processors", "goroutines_views", "goroutines_gateway"}},
}

// drawSoak draws the looks of the newest soak over time.
func drawSoak(b book, folder string) (drawn []drawing, err error) {
	looks := b["soaking"]
	if len(looks) < 2 {
		return nil, nil
	}
	series := seriesOf(looks)
	labels, at := make([]string, len(looks)), 0.0
	for i, l := range looks {
		at += l.Seconds
		labels[i] = time.Duration(at * float64(time.Second)).Round(time.Second).String()
	}
	for _, c := range soakCharts {
		var values [][]float64
		var names []string
		for _, name := range c.series {
			if s := series[name]; s != nil {
				values, names = append(values, s), append(names, strings.ReplaceAll(name, "_", " "))
			}
		}
		if len(values) == 0 {
			continue
		}
		o := charts.NewLineChartOptionWithData(values)
		o.Title.Text, o.Title.FontStyle.FontSize = c.title, 13
		o.Legend.SeriesNames, o.Legend.Offset = names, charts.OffsetStr{Top: "26", Left: "120"}
		o.XAxis.Labels, o.XAxis.LabelCount = labels, min(len(labels), 13)
		o.Symbol.Shape = charts.SymbolNone
		for i := range o.YAxis {
			o.YAxis[i].Min = charts.Ptr(0.0)
		}
		p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: 320})
		if err := p.LineChart(o); err != nil {
			return nil, fmt.Errorf("%s: %w", c.file, err)
		}
		d := drawing{filepath.Join(folder, c.file), c.title}
		if err := save(p, d.path); err != nil {
			return nil, err
		}
		drawn = append(drawn, d)
	}
	return drawn, nil
}

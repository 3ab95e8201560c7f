// Targets are judged from the newest lines: of each measurement those of its last command, whatever else was measured then.

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/bench/imload"
)

// bookOf writes lines as results and reads them back.
func bookOf(t *testing.T, lines ...imload.Result) (b book, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "results.jsonl")
	for _, l := range lines {
		require.NoError(t, add(path, l))
	}
	b, err := readBook(path)
	require.NoError(t, err)
	return b, path
}

func lineOf(run, label string, perSecond float64) imload.Result {
	return imload.Result{Peer: "parley", Label: label, DeliveredPerS: perSecond, CPUPer1k: 1, Stamp: imload.Stamp{Run: run}, Processes: map[string]float64{"kafka": 1}}
}

func TestNewestLinesCount(t *testing.T) {
	b, _ := bookOf(t, lineOf("1", "full/1", 10), lineOf("1", "full/2", 20), lineOf("1", "calm/1", 30), lineOf("2", "full/1", 40),
		lineOf("", "full/3", 50), lineOf("1", "full/3", 60))
	require.Len(t, b["full"], 1)
	require.Equal(t, 40.0, b["full"][0].DeliveredPerS)
	require.Len(t, b["calm"], 1)
}

func TestVerdicts(t *testing.T) {
	least, most, none := target{want: 100, least: true}, target{want: 4}, target{want: 0}
	require.Equal(t, "met", least.verdict(100))
	require.Equal(t, "**0.25 of it**", least.verdict(25))
	require.Equal(t, "met", most.verdict(4))
	require.Equal(t, "**2.5 times it**", most.verdict(10))
	require.Equal(t, "met", none.verdict(0))
	require.Equal(t, "**3**", none.verdict(3))
	require.Equal(t, "not measured", most.verdict(math.NaN()))
}

func TestReferencesAreOfTheSameRunAndRound(t *testing.T) {
	b, _ := bookOf(t, lineOf("1", "ref-full/1", 10), lineOf("2", "full/1", 40), lineOf("2", "full/2", 60))
	at := beside("ref-full", deliveredPerS)(b, b["full"])
	require.True(t, math.IsNaN(at.ratio), "a reference of another run is none")
	require.Equal(t, 40.0, at.value)
	b, _ = bookOf(t, lineOf("2", "ref-full/2", 30), lineOf("2", "full/1", 40), lineOf("2", "full/2", 60))
	require.Equal(t, found{60, 30, 2}, beside("ref-full", deliveredPerS)(b, b["full"]), "the round without a reference is left out")
}

func grownLine(name string, users, partitions, cost float64) imload.Result {
	r := lineOf("1", name+"/1", 300)
	r.CPUPer1k, r.Figures = cost, map[string]float64{"users": users, "partitions": partitions}
	return r
}

func TestFiguresOfTheTable(t *testing.T) {
	limit, wrong := lineOf("2", "limit/1", 120), lineOf("2", "full/2", 60)
	wrong.Lost, wrong.Reorder = 2, 1
	restore := lineOf("1", "restore/1", 0)
	restore.Figures = map[string]float64{"seconds": 2, "bare_s": 0.5}
	b, _ := bookOf(t, lineOf("2", "full/1", 40), wrong, limit, restore, lineOf("2", "ref-full/1", 160), lineOf("2", "ref-full/2", 120),
		grownLine("growth-1000x8", 1000, 8, 2), grownLine("growth-100000x8", 100_000, 8, 3), grownLine("growth-1000x64", 1000, 64, 8), grownLine("growth-1000x4", 1000, 4, 2))
	ratios, values := map[string]float64{}, map[string]float64{}
	for _, x := range targets {
		if all := b[x.name]; len(all) > 0 || x.name == "growth" {
			at := x.of(b, all)
			ratios[x.name+": "+x.figure], values[x.name+": "+x.figure] = at.ratio, at.value
		}
	}
	require.Equal(t, 40.0, values["full: delivered/s"])
	require.Equal(t, 0.25, ratios["full: delivered/s"], "the lower of 40/160 and 60/120")
	require.Equal(t, 3.0, ratios["full: lost, duplicate, reordered, refused"])
	require.Equal(t, 3.0, ratios["limit: bare chain / deployment, delivered/s"])
	require.Equal(t, 4.0, ratios["restore: a table of 1,000,000 rows restored"])
	require.Equal(t, 1.5, ratios["growth: CPU, dearest / cheapest, by users"])
	require.Equal(t, 4.0, ratios["growth: CPU, dearest / cheapest, by partitions"])
}

func TestReportIsMadeOfWhatThereIs(t *testing.T) {
	goka, ours := lineOf("1", "processor-goka/1", 0), lineOf("1", "processor-parley/1", 0)
	goka.Figures, ours.Figures = map[string]float64{"commands_per_s": 20_000}, map[string]float64{"commands_per_s": 90_000}
	soak, look := lineOf("1", "soak/1", 100), lineOf("1", "soaking/1", 100)
	soak.Figures, look.Figures = map[string]float64{"lasts_s": 60, "maximum_per_s": 200, "share": 0.5}, map[string]float64{"rss_mib_views": 50, "lag_records_views": 1}
	_, path := bookOf(t, lineOf("1", "full/1", 40), lineOf("1", "ref-full/1", 160), goka, ours, soak, look, look)
	to := filepath.Join(t.TempDir(), "BENCH.md")
	require.NoError(t, writeReport(options{results: path, report: to}))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	for _, says := range []string{"| at least 0.33 | 0.25 | **0.76 of it** | 40 | 160 |", "| goka | 20,000 |", "| parley | 90,000 |", "[WHY.md](test/bench/WHY.md)", "full_cpu.svg", "soak_memory.svg",
		"| rss mib views | 50 | 50 | 50 | +0.0 % | +0.0 % | flat |", "not measured"} {
		require.Contains(t, string(text), says)
	}
	require.NotContains(t, string(text), "NaN")
	require.NotContains(t, string(text), "## Recovery")
	drawn, err := filepath.Glob(filepath.Join(filepath.Dir(path), chartsFolder, "*.svg"))
	require.NoError(t, err)
	require.NotEmpty(t, drawn)
	for _, d := range drawn {
		svg, err := os.ReadFile(d)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(svg, []byte("<svg")), d)
		require.True(t, strings.HasSuffix(string(svg), "</svg>\n"), d)
	}
}

func TestStampIsFlat(t *testing.T) {
	b, err := json.Marshal(lineOf("then", "full/1", 1))
	require.NoError(t, err)
	require.Contains(t, string(b), `"Run":"then"`)
}

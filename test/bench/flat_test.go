// What grows is seen, what only trembles is not, and each series is judged by its own limit.

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/bench/imload"
)

func TestGrowthOfASeries(t *testing.T) {
	var rising, trembling []float64
	for i := range 61 {
		rising = append(rising, 100+float64(i))
		trembling = append(trembling, 100+float64(i%3))
	}
	require.InDelta(t, 60.0/130, growth(rising), 1e-9, "by sixty, of a median of 130")
	require.InDelta(t, 0, growth(trembling), 0.01)
	trembling[40] = 10_000
	require.InDelta(t, 0, growth(trembling), 0.01, "one odd minute moves nothing")
	require.Zero(t, growth([]float64{7}))
	require.Zero(t, growth([]float64{0, 0}))
}

func TestSoakIsJudged(t *testing.T) {
	var looks []imload.Result
	for i := range 10 {
		x := float64(i)
		looks = append(looks, imload.Result{E2E50: 5, E2E99: 10 + 10*x, Figures: map[string]float64{
			"rss_mib_processors": 100 + 5*x, "rss_mib_mongo": 100 + 100*x, "goroutines_views": 50, "lag_records_views": 10 * x, "heap_goal_mib_gateway": 70 + 2*x, "heap_mib_gateway": 70 + 7*x,
		}})
	}
	looks[3].Figures["told_once"] = 1
	flat := map[string]bool{}
	for _, v := range judged(seriesOf(looks), 5) {
		flat[v.series] = v.flat()
	}
	require.Equal(t, map[string]bool{
		"p50_ms": true, "p99_ms": false, "delivered_per_s": true, "rss_mib_processors": false, "rss_mib_mongo": true, "goroutines_views": true,
		"lag_records_views": false, "heap_goal_mib_gateway": false, "heap_mib_gateway": true,
	}, flat)
	for _, v := range judged(map[string][]float64{"rss_mib_views": {10, 20, 30, 40, 50, 50, 50, 50}}, 1) {
		require.Positive(t, v.grew)
		require.Zero(t, v.late, "it had filled up")
	}
	for _, v := range judged(seriesOf(looks), 50) {
		require.True(t, v.series != "lag_records_views" || v.flat(), "90 records are two seconds at 50 a second")
	}
}

func TestMetricsOfAProcess(t *testing.T) {
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP go_goroutines Number of goroutines.\ngo_goroutines 42\n" +
			"lag{partition=\"0\",topic=\"a b\"} 3\nlag{partition=\"1\",topic=\"a b\"} 4\nheap 1.5e+06\n"))
	}))
	defer door.Close()
	told, err := metricsOf(strings.TrimPrefix(door.URL, "http://"))
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"go_goroutines": 42, "lag": 7, "heap": 1.5e6}, told)
	_, err = metricsOf("127.0.0.1:1")
	require.Error(t, err)
}

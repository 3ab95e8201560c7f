// What a change did is told from the runs alone, and a profile of locks by what its goroutines waited.

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/bench/imload"
)

func TestCompared(t *testing.T) {
	run := func(machine, cpu, allocs float64) imload.Result { // a machine that is twice as slow takes twice as long for everything
		r := imload.Result{DeliveredPerS: 5000 / machine, SelfCPUPer1k: 0.02 * machine, CPUPer1k: 0.2 * machine,
			Processes: map[string]float64{}, Figures: map[string]float64{}}
		for _, p := range parts {
			r.Processes[p.name] = cpu * machine
			r.Figures[p.name+allocations] = allocs
			r.Figures[p.name+queued] = 31 * machine
		}
		return r
	}
	all := []candidate{{name: "old"}, {name: "new", says: "what it is"}}
	found := map[string][]imload.Result{"old": {run(1, 0.05, 76.2), run(2, 0.05, 76)}, "new": {run(2, 0.04, 70), run(1, 0.04, 70.1)}}
	var told strings.Builder
	costTables(&told, scenarios[0], all, found)
	require.Contains(t, told.String(), "### processors\n")
	require.Contains(t, told.String(), "| old | 2.50 | 76.0 | 0.00 | 0.0 | 31.0 |", "in units of the generator's own CPU")
	require.Contains(t, told.String(), "| new | 2.00 | 70.0 |")
	require.Contains(t, told.String(), "| what it is |")
	line := commitLine(scenarios[0], all[0], all[1], found)
	require.Contains(t, line, "gateway CPU 2.50 -> 2.00, 76.0 -> 70.0 allocations")
	require.NotContains(t, line, "\n")
	require.True(t, strings.HasSuffix(told.String(), line+"\n"))
}

func TestLockedIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutex.pprof")
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{{Value: []int64{3, 4_000}}, {Value: []int64{1, 6_500}}}}
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, p.Write(f))
	require.NoError(t, f.Close())
	us, err := lockedIn(path)
	require.NoError(t, err)
	require.InDelta(t, 10.5, us, 1e-9)
	require.NoError(t, os.WriteFile(path, []byte("no profile"), 0o600))
	_, err = lockedIn(path)
	require.ErrorContains(t, err, path)
}

func TestCandidatesAreThere(t *testing.T) {
	_, err := built(t.Context(), []string{"old=" + filepath.Join(t.TempDir(), "parley")}, t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = built(t.Context(), []string{"no-such-revision"}, t.TempDir())
	require.ErrorContains(t, err, "no-such-revision")
	binary, err := os.Executable()
	require.NoError(t, err)
	all, err := built(t.Context(), []string{"old=" + binary}, "")
	require.NoError(t, err)
	require.Equal(t, []candidate{{name: "old", binary: binary}}, all)
}

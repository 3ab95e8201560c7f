// Profiles of each process while it is measured, as files for `go tool pprof`: what uses its CPU, what allocates, who waits for
// locks, and who waits for anything (off CPU); and what a message costs it of these.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/test/bench/imload"
)

// Kinds of profiles: their names in a file's, and net/http/pprof's.
var kindsOfProfile = map[string]string{"cpu": "profile", "allocs": "allocs", "mutex": "mutex", "waits": "block"}

// Figures of a process, behind its name; each for one message sent.
const (
	allocations = "_allocations"
	allocated   = "_allocated_kib"
	locked      = "_locked_us" // of all goroutines together
	queued      = "_queued_us" // of all threads together: able to run, and no core was free
)

// profiles asks every process at once, and tells what each did in a second meanwhile.
func (h *deployment) profiles(dir string, measured time.Duration) (map[string]float64, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	before, err := h.counters()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	seconds := max(1, int(measured.Seconds())-1) // they end before the measured time does
	g := errgroup.Group{}
	for name, admin := range h.admins {
		for kind, path := range kindsOfProfile {
			g.Go(func() error {
				profile, err := get(fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", admin, path, seconds))
				if err != nil {
					return fmt.Errorf("the profile %s of %s: %w", kind, name, err)
				}
				return os.WriteFile(profileOf(dir, name, kind), profile, 0o644)
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	spent, err := h.counters()
	if err != nil {
		return nil, err
	}
	lasted := time.Since(began).Seconds()
	for name := range h.admins {
		if spent[name+locked], err = lockedIn(profileOf(dir, name, "mutex")); err != nil {
			return nil, err
		}
	}
	for figure := range spent {
		spent[figure] = (spent[figure] - before[figure]) / lasted
	}
	return spent, nil
}

// forEachMessage is what was spent in a second as figures of a run.
func forEachMessage(spent map[string]float64, r imload.Result) map[string]float64 {
	sent := r.DeliveredPerS / float64(max(1, r.Members-1)) // a second
	if spent == nil || sent == 0 {
		return nil
	}
	figures := map[string]float64{}
	for figure, eachSecond := range spent {
		figures[figure] = eachSecond / sent
	}
	return figures
}

func profileOf(dir, process, kind string) string {
	return filepath.Join(dir, process+"-"+kind+".pprof")
}

// counters are what every process did since it began, by figure.
func (h *deployment) counters() (map[string]float64, error) {
	all := map[string]float64{}
	for name := range h.admins {
		told, err := h.metrics(name)
		if err != nil {
			return nil, err
		}
		all[name+allocations] = told["go_memstats_mallocs_total"]
		all[name+allocated] = told["go_memstats_alloc_bytes_total"] / kibibyte
		all[name+queued] = float64(imload.Queued(h.pids[name]).Microseconds())
	}
	return all, nil
}

// metrics are those of a process that have no labels.
func (h *deployment) metrics(name string) (map[string]float64, error) {
	told, err := get("http://" + h.admins[name] + "/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(told)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			all[key] = f
		}
	}
	return all, nil
}

// lockedIn is how long goroutines waited for locks, in microseconds, as a profile of them says.
func lockedIn(path string) (us float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	for i, kind := range p.SampleType {
		if kind.Type != "delay" {
			continue
		}
		for _, s := range p.Sample {
			us += float64(s.Value[i]) / 1e3
		}
	}
	return us, nil
}

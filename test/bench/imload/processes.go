// What the server's processes cost, as Linux counts it in /proc: each root process with everything that descends from it.

package imload

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	ticksPerSecond = 100 // USER_HZ of Linux
	watchEvery     = time.Second
	statFields     = 22 // of /proc/PID/stat behind the name, as far as we need them
)

// process is the part of /proc/PID/stat that is needed.
type process struct {
	pid, parent int
	ticks       int64 // of CPU
	pages       int64 // resident
}

func readProcess(pid int) (process, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	if len(f) < statFields {
		return process{}, fmt.Errorf("imload: the stat of process %d is short", pid)
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
	return process{pid: pid, parent: int(number(1)), ticks: number(11) + number(12), pages: number(21)}, nil
}

// System is the set of a server's processes.
type System struct {
	roots map[string]int // pids by name

	mu      sync.Mutex
	peakRSS int64
	peakPSS int64
	last    map[string]map[int]int64 // ticks by name and pid: a child that ended keeps its last reading
}

// NewSystem takes root processes by name.
func NewSystem(roots map[string]int) *System {
	s := &System{roots: roots, last: map[string]map[int]int64{}}
	for name := range roots {
		s.last[name] = map[int]int64{}
	}
	return s
}

// members are the processes of each root.
func (s *System) members() map[string][]process {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	all, children := map[int]process{}, map[int][]int{}
	for _, d := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(d))
		if p, err := readProcess(pid); err == nil {
			all[pid] = p
			children[p.parent] = append(children[p.parent], pid)
		}
	}
	found := map[string][]process{}
	for name, root := range s.roots {
		for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
			if p, ok := all[queue[0]]; ok {
				found[name] = append(found[name], p)
				queue = append(queue, children[p.pid]...)
			}
		}
	}
	return found
}

// CPU is the seconds used so far, by root.
func (s *System) CPU() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, members := range s.members() {
		for _, m := range members {
			s.last[name][m.pid] = m.ticks
		}
	}
	seconds := map[string]float64{}
	for name, ticks := range s.last {
		for _, t := range ticks {
			seconds[name] += float64(t) / ticksPerSecond
		}
	}
	return seconds
}

// look samples resident memory and CPU: a few microseconds for each process.
func (s *System) look() {
	rss := int64(0)
	for _, members := range s.members() {
		for _, m := range members {
			rss += m.pages * int64(os.Getpagesize())
		}
	}
	s.CPU()
	s.mu.Lock()
	s.peakRSS = max(s.peakRSS, rss)
	s.mu.Unlock()
}

// Resident is a process's memory in bytes, shared parts by share; 0 when it is gone. The kernel walks every page for it, a
// core's tenth of a second for some gigabytes.
func Resident(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// Queued is how long a process's threads could have run and had no core; those that ended are not counted.
func Queued(pid int) (all time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, t := range threads {
		var ran, waited time.Duration
		b, _ := os.ReadFile(t)
		_, _ = fmt.Sscan(string(b), &ran, &waited)
		all += waited
	}
	return all
}

// weigh asks that of everybody, so nobody may be measured meanwhile.
func (s *System) weigh() {
	pss := int64(0)
	for _, members := range s.members() {
		for _, m := range members {
			pss += Resident(m.pid)
		}
	}
	s.mu.Lock()
	s.peakPSS = max(s.peakPSS, pss)
	s.mu.Unlock()
}

// Watch looks until stop is closed, and calls each time.
func (s *System) Watch(stop <-chan struct{}, each func()) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		s.look()
		each()
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

func (s *System) peaks(r *Result) {
	const mib = 1 << 20
	s.mu.Lock()
	defer s.mu.Unlock()
	r.PeakRSSMiB, r.PeakPSSMiB = float64(s.peakRSS)/mib, float64(s.peakPSS)/mib
}

// SelfCPU is the generator's own use in seconds.
func SelfCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

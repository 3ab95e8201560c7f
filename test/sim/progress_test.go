// Progress of long runs: a bar on a terminal, a line every few seconds elsewhere; and what they cost.

package sim_test

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const lineEvery = 5 * time.Second // where there is no terminal

// progress shows how many seeds of a run are done. It is for one goroutine at a time.
type progress struct {
	began, told time.Time
	cpu         time.Duration // of this process before
	all, done   int
	bars        *mpb.Progress // nil = no terminal
	bar         *mpb.Bar
}

func newProgress(all int) *progress {
	p := &progress{began: time.Now(), told: time.Now(), cpu: cpuTime(), all: all}
	if at, err := os.Stderr.Stat(); err == nil && at.Mode()&os.ModeCharDevice != 0 {
		p.bars = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(60))
		p.bar = p.bars.AddBar(int64(all), mpb.BarRemoveOnComplete(), mpb.PrependDecorators(decor.Name("seeds ")),
			mpb.AppendDecorators(decor.CountersNoUnit("%d of %d "), decor.AverageSpeed(0, "%.0f/s "), decor.AverageETA(decor.ET_STYLE_GO)))
	}
	return p
}

// step counts a seed.
func (p *progress) step() {
	p.done++
	if p.bar != nil {
		p.bar.Increment()
	} else if time.Since(p.told) > lineEvery {
		p.told = time.Now()
		fmt.Fprintln(os.Stderr, p)
	}
}

func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true) // nothing happens if it is full
		p.bars.Wait()
	}
}

// String says how far it is, how fast, and at what price.
func (p *progress) String() string {
	took, cpu := time.Since(p.began), cpuTime()-p.cpu
	n := max(p.done, 1)
	return fmt.Sprintf("%d of %d seeds in %v, %.1f/s; CPU %v, %.1f ms a seed", p.done, p.all, took.Round(100*time.Millisecond),
		float64(p.done)/took.Seconds(), cpu.Round(100*time.Millisecond), float64(cpu.Milliseconds())/float64(n))
}

// cpuTime is what this process has used, in user and system mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

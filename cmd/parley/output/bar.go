// A progress bar for long reads.

package output

import (
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Bar shows the progress of a long read on standard error, when that is a terminal. Its zero value shows nothing.
type Bar struct {
	all  *mpb.Progress
	line *mpb.Bar
}

// NewBar shows a bar with a title.
func NewBar(title string) *Bar {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &Bar{}
	}
	b := &Bar{all: mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(60))}
	b.line = b.all.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(title+" ")),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d records"), decor.Name(", "), decor.AverageSpeed(0, "%.0f records/s"), decor.Name(", "), decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")))
	return b
}

// Set shows how many records are done.
func (b *Bar) Set(done, total int64) {
	if b.line != nil {
		b.line.SetTotal(total, false)
		b.line.SetCurrent(done)
	}
}

// Done removes the bar.
func (b *Bar) Done() {
	if b.line != nil {
		b.line.SetTotal(-1, true)
		b.all.Wait()
	}
}

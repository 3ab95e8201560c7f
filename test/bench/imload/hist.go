// A histogram of durations that many goroutines fill at once.

package imload

import (
	"math/bits"
	"sync/atomic"
)

// Hist is a lock-free log-linear histogram of nanoseconds with about 1.6 % width.
type Hist struct {
	n     atomic.Int64
	max   atomic.Int64
	slots [64 * 64]atomic.Int64
}

func slotOf(v int64) int {
	if v < 64 {
		if v < 0 {
			v = 0
		}
		return int(v)
	}
	e := bits.Len64(uint64(v)) - 7
	return (e+1)*64 + int(v>>e) - 64
}

func slotTop(i int) int64 {
	if i < 64 {
		return int64(i)
	}
	e := i/64 - 1
	return (int64(i%64)+65)<<e - 1
}

// Record adds a value.
func (h *Hist) Record(v int64) {
	h.slots[slotOf(v)].Add(1)
	h.n.Add(1)
	for {
		m := h.max.Load()
		if v <= m || h.max.CompareAndSwap(m, v) {
			return
		}
	}
}

// Quantile returns the q quantile in milliseconds.
func (h *Hist) Quantile(q float64) float64 {
	n := h.n.Load()
	if n == 0 {
		return 0
	}
	want := int64(q*float64(n-1)) + 1
	var c int64
	for i := range h.slots {
		if c += h.slots[i].Load(); c >= want {
			return float64(min(slotTop(i), h.max.Load())) / 1e6
		}
	}
	return float64(h.max.Load()) / 1e6
}

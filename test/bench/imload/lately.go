// Long runs tell now and then what was heard lately: a figure of the whole hour hides how the hour went.

package imload

import (
	"sync"
	"time"
)

// Lately is what was heard in a part of the measured time. Times are milliseconds.
type Lately struct {
	Seconds         float64
	Sent, Delivered int64
	E2E50, E2E99    float64
	Ack50, Ack99    float64
	Slowness        float64 // of the machine: how many times longer the same work takes than before the run
}

// since is the histogram of what was recorded after an earlier copy.
func (h *Hist) since(earlier *Hist) *Hist {
	d := &Hist{}
	for i := range h.slots {
		d.slots[i].Store(h.slots[i].Load() - earlier.slots[i].Load())
	}
	d.n.Store(h.n.Load() - earlier.n.Load())
	d.max.Store(h.max.Load())
	return d
}

// tellLately calls c.Lately until it is told that the measured time is over.
func (r *run) tellLately(c Config) (over func()) {
	if c.Every == 0 {
		return func() {}
	}
	stop := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() {
		ticker := time.NewTicker(c.Every)
		defer ticker.Stop()
		empty := &Hist{}
		at, endToEnd, accepted, before := now(), r.endToEnd.since(empty), r.accepted.since(empty), r.reading(nil)
		slowness := r.stalls.times.since(empty)
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			e, a, reading := r.endToEnd.since(endToEnd), r.accepted.since(accepted), r.reading(nil)
			c.Lately(Lately{
				Seconds: float64(now()-at) / 1e9, Sent: reading.sent - before.sent, Delivered: reading.delivered - before.delivered,
				E2E50: e.Quantile(.5), E2E99: e.Quantile(.99), Ack50: a.Quantile(.5), Ack99: a.Quantile(.99),
				Slowness: r.stalls.times.since(slowness).Quantile(.5),
			})
			at, endToEnd, accepted, before = now(), r.endToEnd.since(empty), r.accepted.since(empty), reading
			slowness = r.stalls.times.since(empty)
		}
	})
	return func() { close(stop); told.Wait() }
}

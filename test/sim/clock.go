// Clocks: every broker and every gateway has its own. They are an hour or ten years wrong, stand still, and are put right.

package sim

import "time"

const (
	brokers  = 3
	gateways = 2
)

// clock is what a node takes for the time.
type clock struct {
	aheadMs int64
	stillMs int64 // where it stands still; 0 = it runs
}

func (c *clock) now(trueMs int64) int64 {
	if c.stillMs > 0 {
		return c.stillMs
	}
	return max(trueMs+c.aheadMs, 1)
}

const (
	hourMs = int64(time.Hour / time.Millisecond)
	yearMs = 365 * 24 * hourMs
)

// jumps are how a clock goes wrong. The first puts it right.
var jumps = [...]int64{0, hourMs, -hourMs, 10 * yearMs, -10 * yearMs, 36 * hourMs, -36 * hourMs}

// strikeClock lets one node's clock jump, stand still, or come right.
func (w *World) strikeClock() {
	i := w.random.IntN(len(w.clocks))
	c := &w.clocks[i]
	if n := w.random.IntN(len(jumps) + 2); n < len(jumps) {
		*c = clock{aheadMs: jumps[n]}
	} else {
		*c = clock{stillMs: c.now(w.trueMs)}
	}
	w.note("the clock of node %d says %v", i, time.UnixMilli(c.now(w.trueMs)).UTC())
}

// brokerTime is the time that the leader of a partition stamps.
func (w *World) brokerTime(p *partition) time.Time {
	return time.UnixMilli(w.clocks[p.leader].now(w.trueMs)).UTC()
}

// gatewayMs is the time of a gateway.
func (w *World) gatewayMs(gateway int) int64 { return w.clocks[brokers+gateway].now(w.trueMs) }

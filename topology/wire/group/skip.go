// It is recorded that an input is skipped, because the machine panicked at it.

package group

import (
	"fmt"

	"github.com/parley-im/parley/topology/wire/law"
)

// maxSkips bounds the skips of a partition whose inputs are still in the log; they are kept in memory.
const maxSkips = 10_000

// skipInput writes that the machine panicked at an input, and waits until that stands in the changelog. If nobody else has
// written there since this owner took over, then whoever takes over later reads it. Otherwise this owner may be stale, and a
// successor may fold the input: it must not emit the dead letter.
func (g *group) skipInput(c *claim, offset int64, detail string) error {
	if c.store.SkipCount() >= maxSkips {
		return g.alarm(alarmPanics, "the machine panicked at %d inputs of %s/%d, last at %d (%s): deploy a binary that does not",
			maxSkips, g.input, c.partition, offset, detail)
	}
	answer := <-g.producer.Mark(c.partition, c.store, law.SkipKey(offset, c.nonce), g.markValue(c), law.SkipHeaders(c.Generation, offset, detail))
	if err := answer.Err; err != nil {
		return fmt.Errorf("record that %s/%d skips %d: %w", g.input, c.partition, offset, err)
	}
	if c.store.SkippedAt(offset) == "" {
		return fmt.Errorf("the machine panicked at %d of %s/%d, and somebody else has written to the changelog: the next owner decides whether the input is skipped",
			offset, g.input, c.partition)
	}
	g.log.Error("the machine panicked: the input is skipped", "partition", c.partition, "offset", offset, "panic", detail)
	return nil
}

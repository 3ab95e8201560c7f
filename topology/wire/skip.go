// This file puts on record that an input is skipped, because the machine panicked at it.

package wire

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
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
	acked := make(chan error, 1)
	g.producer.put(c.partition, &shipment{
		Record: produce.Record{
			Topic: g.table, Partition: c.partition, Key: law.SkipKey(offset, c.nonce), Value: g.markValue(c),
			Headers: law.SkipHeaders(c.Generation, offset, detail),
		},
		Slot: law.Slot[*shipment]{Kind: law.Mark}, store: c.store,
		finish: promiseTo(func(_ *sarama.ProducerMessage, err error) { acked <- err }),
	})
	if err := <-acked; err != nil {
		return fmt.Errorf("record that %s/%d skips %d: %w", g.input, c.partition, offset, err)
	}
	if c.store.SkippedAt(offset) == "" {
		return fmt.Errorf("the machine panicked at %d of %s/%d, and somebody else has written to the changelog: the next owner decides whether the input is skipped",
			offset, g.input, c.partition)
	}
	g.log.Error("the machine panicked: the input is skipped", "partition", c.partition, "offset", offset, "panic", detail)
	return nil
}

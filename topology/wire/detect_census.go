// This file counts a partition's rows. Rows are never deleted and hold no input that is not in the log, so a changelog that
// was cut short, and an input that was, show in two numbers.

package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/parley-im/parley/topology/wire/cluster"
)

const metaCensus = "census" // of kindMeta: rows, and the highest through

// census is what a store knows of the rows of a partition.
type census struct {
	rows    int64 // keys that have a row
	through int64 // highest through of any row
}

const censusBytes = 16

func (c census) pack() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, censusBytes), uint64(c.rows)), uint64(c.through))
}

// take counts a row; fresh = its key had none.
func (c *census) take(row []byte, fresh bool) error {
	known, err := through(row)
	if err != nil {
		return err
	}
	if fresh {
		c.rows++
	}
	c.through = max(c.through, known)
	return nil
}

// readCensus reads the numbers, or counts in a store of a binary that did not.
func (t *tableStore) readCensus(partition int32) (c census, err error) {
	packed, err := t.get(partition, kindMeta, metaCensus)
	if err != nil {
		return c, err
	}
	if len(packed) == censusBytes {
		return census{int64(binary.BigEndian.Uint64(packed)), int64(binary.BigEndian.Uint64(packed[8:]))}, nil
	}
	var broken error
	err = t.each(partition, kindRow, func(key string, row []byte) {
		if err := c.take(row, true); err != nil {
			broken = fmt.Errorf("the row of %q: %w", key, err)
		}
	})
	if err == nil {
		err = broken
	}
	return c, err
}

func (s *partitionStore) counted() census {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.census
}

// checkCensus compares the recovered rows with what the last owner knew of them, and with the input.
func (g *group) checkCensus(c *claim, end int64) error {
	found := c.store.counted()
	if found.rows < c.known {
		return g.alarm(alarmChangelog, "%s/%d holds %d rows, but the last owner knew %d: records of the table were deleted: %s",
			g.table, c.partition, found.rows, c.known, g.howToRebuild())
	}
	if found.through > end {
		return g.alarm(cluster.AlarmInput, "rows of %s/%d hold inputs up to %d, but %s ends at %d: acknowledged records are gone, and new ones in their place would be dropped: %s",
			g.table, c.partition, found.through, g.input, end, g.howToRestore())
	}
	return nil
}

// howToRebuild is the way back when the table is not whole, and the input is.
func (g *group) howToRebuild() string {
	return fmt.Sprintf("stop every member; if %s is whole from offset 0, delete the topic %s, create it again (parley topology apply), "+
		"delete the consumer group %s and remove its local stores (%s): everything is folded again, and receivers drop the repeats",
		g.input, g.table, g.name, g.folder())
}

// howToRestore is the way back when the input is not whole.
func (g *group) howToRestore() string {
	return fmt.Sprintf("put the records of %s back from a mirror, each at its offset and with its time, start again whatever writes to it (a client keeps to the topic that it knew), and then: %s; without the records the log must be cut anew (a plan of the next epoch)",
		g.input, g.howToRebuild())
}

// howToCommit is the way back when a commit is not where it can be.
func (g *group) howToCommit(partition int32, offset int64) string {
	return fmt.Sprintf("stop every member and commit %d by hand (kafka-consumer-groups --group %s --topic %s:%d --reset-offsets --to-offset %[1]d --execute): rows drop what they have",
		offset, g.name, g.input, partition)
}

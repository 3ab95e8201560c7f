// A census of a partition's rows. Rows are never deleted and include no input that is not in the log, so a changelog that
// was cut short, and an input that was, show in two numbers.

package law

import (
	"encoding/binary"

	"github.com/parley-im/parley/topology"
)

// Census is what an owner knows of the rows of a partition.
type Census struct {
	Rows    int64 // keys that have a row
	Through int64 // highest through of any row
}

const censusBytes = 16

// Pack encodes a census.
func (c Census) Pack() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, censusBytes), uint64(c.Rows)), uint64(c.Through))
}

// UnpackCensus returns false when the bytes are no census.
func UnpackCensus(b []byte) (Census, bool) {
	if len(b) != censusBytes {
		return Census{}, false
	}
	return Census{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, true
}

// Take counts a row; fresh = its key had none.
func (c *Census) Take(row []byte, fresh bool) error {
	known, err := topology.Through(row)
	if err != nil {
		return err
	}
	if fresh {
		c.Rows++
	}
	c.Through = max(c.Through, known)
	return nil
}

// Causes: which input an output was emitted for.

package topology

import (
	"encoding/binary"
	"fmt"
)

// Cause names the input that an output was emitted for, and its index among the outputs of that input. It is unique in the
// life of a log, and strictly rising within (group, partition).
type Cause struct {
	Epoch     uint32 // log epoch of the plan
	Group     uint16 // number of the group in the plan
	Partition int32
	Offset    int64
	Index     uint32
}

// CauseSize is the length of a packed cause.
const CauseSize = 4 + 2 + 4 + 8 + 4

// Pack encodes a cause for HeaderCause: fixed size, big endian, so that bytes compare like causes.
func (c Cause) Pack() []byte { return c.Append(make([]byte, 0, CauseSize)) }

// Append is Pack at the end of other bytes.
func (c Cause) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, c.Epoch)
	b = binary.BigEndian.AppendUint16(b, c.Group)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Partition))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Offset))
	return binary.BigEndian.AppendUint32(b, c.Index)
}

// UnpackCause decodes HeaderCause.
func UnpackCause(b []byte) (Cause, error) {
	if len(b) != CauseSize {
		return Cause{}, fmt.Errorf("cause has %d bytes, want %d: the record was not written by this deployment", len(b), CauseSize)
	}
	return Cause{
		Epoch:     binary.BigEndian.Uint32(b[0:]),
		Group:     binary.BigEndian.Uint16(b[4:]),
		Partition: int32(binary.BigEndian.Uint32(b[6:])),
		Offset:    int64(binary.BigEndian.Uint64(b[10:])),
		Index:     binary.BigEndian.Uint32(b[18:]),
	}, nil
}

// Cause is the cause of one output of a group's input.
func (p Plan) Cause(g Group, in *Record, index int) Cause {
	return Cause{Epoch: p.Epoch, Group: g.Number, Partition: in.Partition, Offset: in.Offset, Index: uint32(index)}
}

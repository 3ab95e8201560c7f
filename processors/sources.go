// Repeats: a row remembers the newest cause from each source partition and takes only what is newer, so that a
// record that a restarted group emits again changes nothing.

package processors

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"github.com/parley-im/parley/topology"
)

// cause reads the header of a record that another group emitted. A record without one comes from a gateway: there a device's
// own numbers, or marks that only rise, show a repeat.
func (b *bound) cause(in *topology.Record) (cause topology.Cause, caused bool, detail string) {
	packed := in.Get(topology.HeaderCause)
	if len(packed) == 0 {
		return cause, false, ""
	}
	cause, err := topology.UnpackCause(packed)
	switch {
	case err != nil:
		return cause, false, err.Error()
	case cause.Epoch != b.plan.Epoch:
		return cause, false, fmt.Sprintf("the cause is of log epoch %d, the plan's is %d", cause.Epoch, b.plan.Epoch)
	case !b.writers[cause.Group]:
		return cause, false, fmt.Sprintf("group number %d does not write %s", cause.Group, b.group.Input)
	case cause.Partition < 0 || cause.Partition >= b.plan.Partitions || cause.Offset < 0:
		return cause, false, fmt.Sprintf("the cause names partition %d and offset %d, which the plan does not have", cause.Partition, cause.Offset)
	}
	return cause, true, ""
}

// source is the newest cause taken from one partition of one group: four varints in Row.sources.
type source struct {
	group, partition, offset, index uint64
}

func sourceOf(c topology.Cause) source {
	return source{uint64(c.Group), uint64(c.Partition), uint64(c.Offset), uint64(c.Index)}
}

// from reports how the partition that a source speaks of stands to another's: -1 before, 0 the same, 1 behind.
func (s source) from(o source) int {
	return cmp.Or(cmp.Compare(s.group, o.group), cmp.Compare(s.partition, o.partition))
}

func (s source) newer(o source) bool {
	return s.offset > o.offset || s.offset == o.offset && s.index > o.index
}

func (s source) append(to []byte) []byte {
	to = binary.AppendUvarint(to, s.group)
	to = binary.AppendUvarint(to, s.partition)
	to = binary.AppendUvarint(to, s.offset)
	return binary.AppendUvarint(to, s.index)
}

// split takes the first source off a packed list.
func split(packed []byte) (source, []byte) {
	var field [4]uint64
	for i := range field {
		value, n := binary.Uvarint(packed)
		if n <= 0 {
			panic(Damage{"Row.sources is damaged: wipe the local store and let it recover from the changelog"})
		}
		field[i], packed = value, packed[n:]
	}
	return source{field[0], field[1], field[2], field[3]}, packed
}

// advance puts a cause into a packed, sorted list, in a new slice; newer is false when the list has it already. What stands
// before and behind it is copied as it is.
func advance(packed []byte, cause topology.Cause) (next []byte, newer bool) {
	now := sourceOf(cause)
	before, behind := packed[:0], packed
	for len(behind) > 0 {
		s, rest := split(behind)
		at := s.from(now)
		if at == 0 && !now.newer(s) {
			return nil, false
		}
		if at <= 0 {
			behind = rest
		}
		if at >= 0 {
			break
		}
		before = packed[:len(packed)-len(rest)]
	}
	next = make([]byte, 0, len(packed)+4*binary.MaxVarintLen32)
	next = now.append(append(next, before...))
	return append(next, behind...), true
}

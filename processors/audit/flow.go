// Outputs in the log against outputs of the fold, matched by cause. All outputs of one partition of a group to one partition of
// a topic are a flow: they stand there in the order of their causes, because producers write prefixes; after a restart some
// of them stand there again.

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/parley-im/parley/topology"
)

// route names a flow.
type route struct {
	group uint16
	from  int32 // partition of the group's input
	topic byte
	to    int32
}

const routeBytes = 2 + 4 + 1 + 4

func (r route) key(kind byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind}, r.group)
	b = binary.BigEndian.AppendUint32(b, uint32(r.from))
	return binary.BigEndian.AppendUint32(append(b, r.topic), uint32(r.to))
}

func routeOf(key []byte) route {
	return route{u16(key), int32(u32(key[2:])), key[6], int32(u32(key[7:]))}
}

// expectedKey is where an output of a cause is remembered.
func (r route) expectedKey(offset int64, index uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(r.key(kindExpected), uint64(offset)), index)
}

// unnumbered is the ordinal of outputs that may be gone: they are compared if they are there.
const unnumbered = 0

// flow is how far a flow is. Its outputs have ordinals from 1.
type flow struct {
	emitted uint64 // ordinal of the last output that the fold emitted
	seen    uint64 // ordinal of the last one that was seen
	place   int64  // where that stands for the first time
}

func (f *flow) pack() []byte { return pack(f.emitted, f.seen, uint64(f.place)) }

func unpackFlow(b []byte) *flow {
	f := &flow{}
	if n := unpack(b); len(n) == 3 {
		f.emitted, f.seen, f.place = n[0], n[1], int64(n[2])
	}
	return f
}

func (a *Auditor) flow(r route) *flow {
	f := a.flows[r]
	if f == nil {
		f = &flow{}
		a.flows[r] = f
	}
	a.changed[r] = f
	return f
}

// digest is what must be the same in each repeat of an output: key, value, and the headers that travel.
type digest [16]byte

// travelling are the headers that an output has from its input.
var travelling = [...]string{topology.HeaderCorrelation, topology.HeaderTrace, topology.HeaderLane}

func digestOf(key string, value []byte, headers *topology.Record) digest {
	h := sha256.New()
	part := func(b []byte) {
		h.Write(number(uint64(len(b))))
		h.Write(b)
	}
	part([]byte(key))
	part(value)
	for _, name := range travelling {
		part(headers.Get(name))
	}
	return digest(h.Sum(nil)[:16])
}

// sighting is a record that names a cause.
type sighting struct {
	route
	offset int64  // of the cause
	index  uint32 // of the cause
	place  int64  // where the record stands
	digest digest
}

func (a *Auditor) where(s sighting) topology.TopicPartition {
	return topology.TopicPartition{Topic: a.names[s.topic], Partition: s.to}
}

func (a *Auditor) cause(s sighting) string {
	from := a.source(s.route)
	return fmt.Sprintf("output %d of %s/%d@%d", s.index, from.Topic, from.Partition, s.offset)
}

// observe checks a record of a topic and who wrote it. It is false for records that no part of the plan can have written.
func (a *Auditor) observe(t *topic, r *topology.Record) bool {
	wrong := func(law Law, format string, args ...any) bool {
		a.violate(Violation{Law: law, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Says: fmt.Sprintf(format, args...)})
		return false
	}
	operator := r.Key == topology.RulesKey && t.input != nil // activations are written to each partition by number
	if want := topology.PartitionOf(r.Key, a.plan.Partitions); want != r.Partition && !operator {
		wrong(Placed, "its key belongs to partition %d", want)
	}
	packed := r.Get(topology.HeaderCause)
	if len(packed) == 0 {
		if t.open || operator {
			return true
		}
		return wrong(Foreign, "it names no cause, and no gateway writes to %s", r.Topic)
	}
	c, err := topology.UnpackCause(packed)
	m := a.groups[c.Group]
	switch {
	case err != nil:
		return wrong(Foreign, "%s", err)
	case c.Epoch != a.plan.Epoch:
		return wrong(Foreign, "its cause is of log epoch %d, the plan's is %d", c.Epoch, a.plan.Epoch)
	case m == nil || !t.writers[c.Group]:
		return wrong(Foreign, "its cause names group number %d, which does not write to %s", c.Group, r.Topic)
	case c.Partition < 0 || c.Partition >= a.plan.Partitions || c.Offset < 0:
		return wrong(Foreign, "its cause names partition %d and offset %d, which cannot be", c.Partition, c.Offset)
	}
	s := sighting{route{c.Group, c.Partition, t.id, r.Partition}, c.Offset, c.Index, r.Offset, digestOf(r.Key, r.Value, r)}
	if c.Offset < a.positions[topology.TopicPartition{Topic: m.Machine.Group.Input, Partition: c.Partition}] {
		return a.resolve(s)
	}
	a.park(s)
	return true
}

// resolve compares what was seen with the output of the fold. It is false for what no fold emits.
func (a *Auditor) resolve(s sighting) bool {
	at := a.where(s)
	wrong := func(law Law, format string, args ...any) {
		a.violate(Violation{Law: law, Topic: at.Topic, Partition: at.Partition, Offset: s.place,
			Says: a.cause(s) + ": " + fmt.Sprintf(format, args...)})
	}
	value := a.memory.Get(s.expectedKey(s.offset, s.index))
	if value == nil {
		switch {
		case a.isUnproved(s):
			a.unproved(unprovedOutput)
			return true
		case s.offset < a.positions[a.source(s.route)]-a.window:
			wrong(Old, "a repeat of an input older than %d others cannot be compared any more", a.window)
			return true
		}
		wrong(Foreign, "the fold says no such thing there")
		return false
	}
	ordinal, f := u64(value), a.flow(s.route)
	same := bytes.Equal(value[8:], s.digest[:])
	if ordinal == unnumbered {
		if !same {
			wrong(Different, "the fold says something else, or to another key")
		}
		a.counts.Verified++
		return same
	}
	if ordinal <= f.seen {
		if !same {
			wrong(Repeated, "it was said before in other words, or to another key")
		}
		a.counts.Repeats++
		return same
	}
	if missing := ordinal - f.seen - 1; missing > 0 {
		wrong(Missing, "%d outputs of the same flow before it were never said, or are said too late", missing)
	} else if f.seen > 0 && s.place < f.place {
		wrong(Ordered, "it stands before an output of an earlier cause")
	}
	a.counts.Unseen -= int64(ordinal - f.seen)
	f.seen, f.place = ordinal, s.place
	if !same {
		wrong(Different, "the fold says something else, or to another key")
	}
	a.counts.Verified++
	return same
}

// expect remembers what the fold emitted.
func (a *Auditor) expect(m *machine, in *topology.Record, outputs []topology.Output) {
	for i, o := range outputs {
		to := route{m.Machine.Group.Number, in.Partition, a.topic(o.Topic).id, topology.PartitionOf(o.Key, a.plan.Partitions)}
		d, ordinal := digestOf(o.Key, o.Value, in), uint64(unnumbered)
		if !a.mayBeGone(topology.TopicPartition{Topic: o.Topic, Partition: to.to}, in.Time.UnixMilli()) {
			f := a.flow(to)
			f.emitted++
			ordinal = f.emitted
			a.counts.Unseen++
		}
		a.memory.Set(to.expectedKey(in.Offset, uint32(i)), append(number(ordinal), d[:]...))
	}
}

// park remembers what was seen before its cause.
func (a *Auditor) park(s sighting) {
	a.memory.Set(s.parkedKey(), append(binary.BigEndian.AppendUint32(nil, s.index), s.digest[:]...))
	a.counts.Parked++
}

func (s sighting) parkedKey() []byte {
	b := parkedFrom(s.group, s.from, s.offset)
	b = binary.BigEndian.AppendUint32(append(b, s.topic), uint32(s.to))
	return binary.BigEndian.AppendUint64(b, uint64(s.place))
}

func parkedFrom(group uint16, from int32, offset int64) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kindParked}, group)
	b = binary.BigEndian.AppendUint32(b, uint32(from))
	return binary.BigEndian.AppendUint64(b, uint64(offset))
}

func parkedOf(key, value []byte) sighting {
	s := sighting{offset: int64(u64(key[6:])), index: u32(value), place: int64(u64(key[19:]))}
	s.route = route{u16(key), int32(u32(key[2:])), key[14], int32(u32(key[15:]))}
	copy(s.digest[:], value[4:])
	return s
}

// unpark resolves what waited for the inputs of a partition from one offset to before another.
func (a *Auditor) unpark(group uint16, partition int32, from, to int64) {
	if a.counts.Parked == 0 {
		return
	}
	var waited []sighting
	a.memory.Scan(parkedFrom(group, partition, from), parkedFrom(group, partition, to), func(key, value []byte) bool {
		waited = append(waited, parkedOf(key[1:], value))
		return true
	})
	for _, s := range waited {
		a.memory.Delete(s.parkedKey())
		a.counts.Parked--
		a.resolve(s)
	}
}

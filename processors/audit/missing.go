// What is missing: what cannot come any more. Until then it may be late: a group commits an input only when all outputs of it
// are in the log.

package audit

import (
	"encoding/binary"
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Horizon is what was known of a log at a moment. It is asked for in this order: commits, then ends, then ends once more.
type Horizon struct {
	Commits map[string][]int64                // by group and partition: inputs below are done and all their outputs are in the log
	Ends    map[topology.TopicPartition]int64 // asked after the commits
}

// Check reports what is missing. Every place must have been read to its end, asked for after the horizon was.
func (a *Auditor) Check(h Horizon) {
	a.flushFlows()
	a.checkOutputs(h)
	a.checkParked(h)
	a.checkRows(h)
	if a.counts.Unseen == 0 && a.counts.Parked == 0 { // every chain of cause and effect that began has ended
		a.checkOutcomes()
		a.checkDeliveries()
	}
}

func (h Horizon) done(group string, partition int32, offset int64) bool {
	commits := h.Commits[group]
	return int(partition) < len(commits) && offset < commits[partition]
}

// checkOutputs finds outputs of finished inputs that were not seen, and forgets those too old for a repeat.
func (a *Auditor) checkOutputs(h Horizon) {
	var routes []route
	a.each(kindFlow, func(key, _ []byte) { routes = append(routes, routeOf(key)) })
	for _, r := range routes {
		f, m := a.flows[r], a.group(r.group)
		if f.seen < f.emitted {
			a.checkFlow(h, r, f, m)
		}
		if old := a.positions[a.source(r)] - a.window; old > 0 && a.seenUpTo(r, f, old) {
			a.memory.Forget(r.expectedKey(0, 0), r.expectedKey(old, 0))
			a.memory.Forget(passedKey(r.group, r.from, 0), passedKey(r.group, r.from, old))
		}
	}
}

// seenUpTo reports whether every output of inputs before an offset was seen.
func (a *Auditor) seenUpTo(r route, f *flow, offset int64) bool {
	next := f.emitted + 1
	a.memory.Scan(r.expectedKey(offset, 0), after8(r.key(kindExpected)), func(_, value []byte) bool {
		next = u64(value)
		return next == unnumbered
	})
	return next == unnumbered || f.seen+1 >= next
}

func (a *Auditor) checkFlow(h Horizon, r route, f *flow, m *machine) {
	var missing []sighting
	prefix := r.key(kindExpected)
	a.memory.Scan(prefix, after8(prefix), func(key, value []byte) bool {
		s := sighting{route: r, offset: int64(u64(key[1+routeBytes:])), index: u32(key[1+routeBytes+8:])}
		if u64(value) <= f.seen {
			return true
		}
		if !h.done(m.Machine.Group.Name, r.from, s.offset) {
			return false
		}
		missing = append(missing, s)
		return true
	})
	for _, s := range missing {
		at := a.where(s)
		a.violate(Violation{Law: Missing, Topic: at.Topic, Partition: at.Partition, Offset: -1, Says: a.cause(s) + " was never said"})
		a.flow(r).seen++
		a.counts.Unseen--
	}
}

// after8 is behind every key that begins so and goes on with an offset.
func after8(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	return binary.BigEndian.AppendUint64(end, 1<<63)
}

// checkParked finds records whose cause does not exist: an input is written before what it leads to.
func (a *Auditor) checkParked(h Horizon) {
	var strangers []sighting
	a.each(kindParked, func(key, value []byte) {
		if s := parkedOf(key, value); s.place < h.Ends[a.where(s)] {
			strangers = append(strangers, s)
		}
	})
	for _, s := range strangers {
		at := a.where(s)
		a.violate(Violation{Law: Foreign, Topic: at.Topic, Partition: at.Partition, Offset: s.place, Says: a.cause(s) + ": there is no such input"})
		a.memory.Delete(s.parkedKey())
		a.counts.Parked--
	}
}

// checkRows finds rows that no changelog has.
func (a *Auditor) checkRows(h Horizon) {
	type awaited struct {
		m         *machine
		partition int32
		key       string
		offset    int64
	}
	var missing []awaited
	a.each(kindAwaited, func(key, value []byte) {
		w := awaited{a.groups[u16(key)], int32(u32(key[2:])), string(key[rowKeyHead:]), int64(u64(value))}
		if h.done(w.m.Machine.Group.Name, w.partition, w.offset) {
			missing = append(missing, w)
		}
	})
	for _, w := range missing {
		a.violate(Violation{Law: Rows, Topic: a.plan.Table(w.m.Machine.Group.Name), Partition: w.partition, Offset: -1, Key: w.key,
			Says: fmt.Sprintf("the row after %s/%d@%d is not there", w.m.Machine.Group.Input, w.partition, w.offset)})
		a.memory.Delete(rowKey(kindAwaited, w.m.Machine.Group.Number, w.partition, w.key))
	}
}

// checkOutcomes finds commands that will never have an outcome, and outcomes of commands that do not exist.
func (a *Auditor) checkOutcomes() {
	var unsettled []*pb.Origin
	a.each(kindOpen, func(key, _ []byte) {
		user, id := cut(key)
		unsettled = append(unsettled, &pb.Origin{User: user, DeviceId: id})
	})
	for _, o := range unsettled {
		d := a.device(o.User, o.DeviceId)
		for _, open := range d.open {
			for seq := open.from; seq <= open.to; seq++ {
				a.violate(Violation{Law: Outcome, Offset: -1, Key: o.User,
					Says: fmt.Sprintf("command %s/%s/%d has no outcome, and none can come any more", o.User, o.DeviceId, seq)})
				a.counts.Pending--
			}
		}
		switch {
		case len(d.open) > 0:
		case a.begun(a.placeOf(a.commands(), o.User)):
			a.unproved(unprovedOutcome)
		default:
			a.violate(Violation{Law: Outcome, Offset: -1, Key: o.User,
				Says: fmt.Sprintf("commands of %s/%s behind %d have outcomes, and were never taken", o.User, o.DeviceId, d.taken)})
		}
		d.open = nil
		a.memory.Set(nameKey(kindDevice, o.User, o.DeviceId), d.pack())
		a.memory.Delete(nameKey(kindOpen, o.User, o.DeviceId))
	}
}

// checkDeliveries finds events that did not reach a person, and deliveries of events that do not exist.
func (a *Auditor) checkDeliveries() {
	var owed [][2]string
	a.each(kindOwed, func(key, _ []byte) {
		user, conversation := cut(key)
		owed = append(owed, [2]string{user, conversation})
	})
	for _, o := range owed {
		key := nameKey(kindDelivery, o[0], o[1])
		d := unpackDelivery(a.memory.Get(key))
		for _, waiting := range d.waiting {
			for seq := waiting.from; seq <= waiting.to; seq++ {
				a.misdelivered(o[0], o[1], seq, d.delivered)
				d.last = seq
			}
		}
		d.waiting = nil
		a.memory.Set(key, d.pack())
		a.memory.Delete(nameKey(kindOwed, o[0], o[1]))
	}
}

// cut takes a key of two names apart.
func cut(key []byte) (first, second string) {
	for i, b := range key {
		if b == 0 {
			return string(key[:i]), string(key[i+1:])
		}
	}
	return string(key), ""
}

// Outcomes: each number that an outbox took from a device is answered in its person's inbox, once.

package audit

import (
	"fmt"
	"slices"

	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// device is what is known of one device. Its numbers are dense from 1.
type device struct {
	taken uint64   // highest number that the outbox took
	low   uint64   // all numbers up to here have their outcome
	base  uint64   // outcomes up to here cannot be proved
	told  []uint64 // higher ones that have it, sorted
	open  []asked  // taken ones without an outcome, in their order
}

// asked is a command that was taken.
type asked struct{ seq, timeMs uint64 }

// deviceHead is how many numbers stand before those that were told.
const deviceHead = 4

func unpackDevice(b []byte) *device {
	n, d := unpack(b), &device{}
	if len(n) < deviceHead {
		return d
	}
	d.taken, d.low, d.base = n[0], n[1], n[2]
	told := min(int(n[3]), len(n)-deviceHead)
	d.told = n[deviceHead : deviceHead+told]
	for rest := n[deviceHead+told:]; len(rest) >= 2; rest = rest[2:] {
		d.open = append(d.open, asked{rest[0], rest[1]})
	}
	return d
}

func (d *device) pack() []byte {
	n := append([]uint64{d.taken, d.low, d.base, uint64(len(d.told))}, d.told...)
	for _, o := range d.open {
		n = append(n, o.seq, o.timeMs)
	}
	return pack(n...)
}

func (d *device) has(seq uint64) bool {
	_, there := slices.BinarySearch(d.told, seq)
	return seq <= d.low || there
}

// asked notes that the outbox took a number: then the row's highest number of the device is another than before.
func (a *Auditor) asked(before, after []byte, in *topology.Record) {
	var was, is parleyv1.Row
	command := &parleyv1.OutboxCommand{}
	if command.UnmarshalVT(in.Value) != nil || command.ClientSeq == 0 || was.UnmarshalVT(before) != nil || is.UnmarshalVT(after) != nil {
		return
	}
	if highest(&is, command.DeviceId) != command.ClientSeq || highest(&was, command.DeviceId) == command.ClientSeq {
		return
	}
	d := a.device(in.Key, command.DeviceId)
	if command.ClientSeq <= d.taken { // the outbox had forgotten the device, as it does with the oldest of too many
		a.counts.Pending -= int64(len(d.open))
		d = &device{low: command.ClientSeq - 1}
	}
	d.taken = command.ClientSeq
	switch {
	case a.mayBeGone(a.placeOf(a.inboxes, in.Key), in.Time.UnixMilli()):
		d.forgive(d.taken)
		a.unproved(unprovedOutcome)
	case !d.has(d.taken):
		d.open = append(d.open, asked{d.taken, uint64(max(in.Time.UnixMilli(), 0))})
		a.counts.Pending++
	}
	a.keep(in.Key, command.DeviceId, d)
}

// forgive makes numbers that need no outcome of all up to one.
func (d *device) forgive(through uint64) {
	d.base, d.low = max(d.base, through), max(d.low, through)
	d.told = slices.DeleteFunc(d.told, func(seq uint64) bool { return seq <= d.low })
}

func highest(row *parleyv1.Row, device string) uint64 {
	for _, d := range row.GetOutbox().GetDevices() {
		if d.DeviceId == device {
			return d.ClientSeq
		}
	}
	return 0
}

// told notes what a person hears: an outcome of an own command, or an event of a conversation.
func (a *Auditor) told(r *topology.Record, e *parleyv1.InboxEvent) {
	var origin *parleyv1.Origin
	switch word := e.Word.(type) {
	case *parleyv1.InboxEvent_Conversation:
		origin = word.Conversation.GetEvent().GetOrigin()
		a.meet(r.Key, word.Conversation.GetConversation(), word.Conversation.GetEvent(), true)
	case *parleyv1.InboxEvent_Account:
		origin = word.Account.GetEvent().GetOrigin()
	case *parleyv1.InboxEvent_Refused:
		switch word.Refused.Reason {
		case parleyv1.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ, parleyv1.Reason_REASON_TOO_MANY_DEVICES:
			return // the number was not taken
		}
		origin = word.Refused.GetOrigin()
	}
	if origin.GetUser() != r.Key || origin.GetClientSeq() == 0 {
		return
	}
	d := a.device(origin.User, origin.DeviceId)
	if origin.ClientSeq <= d.base {
		a.unproved(unprovedOutcome)
		return
	}
	if d.has(origin.ClientSeq) {
		a.violate(Violation{Law: Outcome, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key,
			Says: fmt.Sprintf("command %s/%s/%d has its outcome a second time", origin.User, origin.DeviceId, origin.ClientSeq)})
		return
	}
	i, _ := slices.BinarySearch(d.told, origin.ClientSeq)
	d.told = slices.Insert(d.told, i, origin.ClientSeq)
	for len(d.told) > 0 && d.told[0] == d.low+1 {
		d.low, d.told = d.told[0], d.told[1:]
	}
	before := len(d.open)
	d.open = slices.DeleteFunc(d.open, func(o asked) bool { return o.seq == origin.ClientSeq })
	a.counts.Pending -= int64(before - len(d.open))
	a.keep(origin.User, origin.DeviceId, d)
}

func (a *Auditor) device(user, id string) *device {
	return unpackDevice(a.memory.Get(nameKey(kindDevice, user, id)))
}

// keep remembers a device, and apart from all others those that are not settled.
func (a *Auditor) keep(user, id string, d *device) {
	a.memory.Set(nameKey(kindDevice, user, id), d.pack())
	unsettled := nameKey(kindOpen, user, id)
	switch {
	case len(d.open) > 0:
		a.memory.Set(unsettled, number(d.open[0].timeMs))
	case max(d.low, slices.Max(append(d.told, 0))) > d.taken: // an outcome came before its command was read
		a.memory.Set(unsettled, nil)
	default:
		a.memory.Delete(unsettled)
	}
}

// commands is the topic whose inputs devices number.
func (a *Auditor) commands() string {
	for _, name := range a.names {
		if t := a.topics[name]; name != "" && t.input != nil && t.input.commands {
			return name
		}
	}
	return ""
}

// Outcomes: each number that an outbox took from a device is answered in its person's inbox, once.

package audit

import (
	"fmt"
	"slices"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// device is what is known of one device. Its numbers are dense from 1.
type device struct {
	taken   uint64  // highest number that the outbox took
	low     uint64  // all numbers up to here have their outcome
	base    uint64  // outcomes up to here cannot be proved
	settled runs    // higher ones that have it
	open    []asked // taken ones without an outcome, in their order
}

// asked is commands that were taken, one after the other.
type asked struct {
	run
	timeMs uint64 // when the first of them was asked
}

const (
	deviceHead = 4 // numbers that stand before the settled ones

	// Commands asked within this time, or behind so many runs, share the time of the first: it is for people, and nobody
	// waits for the oldest while the log is being caught up with.
	askedGrainMs = 1000
	askedRuns    = 64
)

func unpackDevice(b []byte) *device {
	n, d := unpack(b), &device{}
	if len(n) < deviceHead {
		return d
	}
	d.taken, d.low, d.base = n[0], n[1], n[2]
	settled := min(2*int(n[3]), len(n)-deviceHead)
	d.settled = runsOf(n[deviceHead : deviceHead+settled])
	for rest := n[deviceHead+settled:]; len(rest) >= 3; rest = rest[3:] {
		d.open = append(d.open, asked{run{rest[0], rest[0] + rest[1]}, rest[2]})
	}
	return d
}

func (d *device) pack() []byte {
	n := append([]uint64{d.taken, d.low, d.base, uint64(len(d.settled))}, d.settled.numbers()...)
	for _, o := range d.open {
		n = append(n, o.from, o.to-o.from, o.timeMs)
	}
	return pack(n...)
}

func (d *device) has(seq uint64) bool { return seq <= d.low || d.settled.has(seq) }

// pending is how many commands have no outcome.
func (d *device) pending() (n int64) {
	for _, o := range d.open {
		n += int64(o.to - o.from + 1)
	}
	return n
}

// ask notes that a command was taken; numbers rise.
func (d *device) ask(seq, timeMs uint64) {
	if i := len(d.open) - 1; i >= 0 && d.open[i].to+1 == seq && (timeMs < d.open[i].timeMs+askedGrainMs || i >= askedRuns) {
		d.open[i].to = seq
		return
	}
	d.open = append(d.open, asked{run{seq, seq}, timeMs})
}

// answer notes an outcome, and reports whether it was waited for.
func (d *device) answer(seq uint64) bool {
	i := slices.IndexFunc(d.open, func(o asked) bool { return o.from <= seq && seq <= o.to })
	if i < 0 {
		return false
	}
	o := &d.open[i]
	switch {
	case o.from == o.to:
		d.open = slices.Delete(d.open, i, i+1)
	case o.from == seq:
		o.from++
	case o.to == seq:
		o.to--
	default:
		behind := asked{run{seq + 1, o.to}, o.timeMs}
		o.to = seq - 1
		d.open = slices.Insert(d.open, i+1, behind)
	}
	return true
}

// asked notes that the outbox took a number: then the row's highest number of the device is another than before.
func (a *Auditor) asked(before, after []byte, in *topology.Record) {
	var was, is pb.Row
	command := &pb.OutboxCommand{}
	if command.UnmarshalVT(in.Value) != nil || command.ClientSeq == 0 || was.UnmarshalVT(before) != nil || is.UnmarshalVT(after) != nil {
		return
	}
	if highest(&is, command.DeviceId) != command.ClientSeq || highest(&was, command.DeviceId) == command.ClientSeq {
		return
	}
	d := a.device(in.Key, command.DeviceId)
	if command.ClientSeq <= d.taken { // the outbox had forgotten the device, as it does with the oldest of too many
		a.counts.Pending -= d.pending()
		d = &device{low: command.ClientSeq - 1}
	}
	d.taken = command.ClientSeq
	switch {
	case a.mayBeGone(a.placeOf(a.inboxes, in.Key), in.Time.UnixMilli()):
		d.forgive(d.taken)
		a.unproved(unprovedOutcome)
	case !d.has(d.taken):
		d.ask(d.taken, uint64(max(in.Time.UnixMilli(), 0)))
		a.counts.Pending++
	}
	a.keep(in.Key, command.DeviceId, d)
}

// forgive makes numbers that need no outcome of all up to one.
func (d *device) forgive(through uint64) {
	d.base, d.low = max(d.base, through), max(d.low, through)
	d.settled = d.settled.above(d.low)
}

func highest(row *pb.Row, device string) uint64 {
	for _, d := range row.GetOutbox().GetDevices() {
		if d.DeviceId == device {
			return d.ClientSeq
		}
	}
	return 0
}

// deliver notes an inbox event: an outcome of an own command, or an event of a conversation.
func (a *Auditor) deliver(r *topology.Record, e *pb.InboxEvent) {
	if said := e.GetConversation(); said != nil {
		a.meet(r.Key, said.GetConversation(), said.GetEvent(), true)
	}
	origin := effect.Outcome(r.Key, e)
	if origin == nil {
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
	d.settled = d.settled.with(origin.ClientSeq)
	if d.settled[0].from == d.low+1 {
		d.low, d.settled = d.settled[0].to, d.settled[1:]
	}
	if d.answer(origin.ClientSeq) {
		a.counts.Pending--
	}
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
	case max(d.low, d.settled.last()) > d.taken: // an outcome came before its command was read
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

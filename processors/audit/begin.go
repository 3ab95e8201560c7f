// Beginnings: a log whose first records were deleted by their retention is audited from what is there. Rows as they were
// then are taken from the changelogs, without proof. What leads back behind the beginning is counted as not proved, and is
// never told as a violation.

package audit

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Beginning is where a place begins whose first records are gone.
type Beginning struct {
	Offset int64 `json:"offset"`
	// What was written up to this time, in milliseconds since 1970, may be among what is gone: the time of the first record
	// that is there, and as much as the clocks of brokers may differ.
	TimeMs int64 `json:"time_ms"`
}

// What is not proved, by what it is.
const (
	unprovedInput    = "inputs"     // the row before them is not known
	unprovedOutput   = "outputs"    // their input is gone, or was not proved itself
	unprovedOutcome  = "outcomes"   // their command is gone, or they may be
	unprovedDelivery = "deliveries" // the event is gone, or they may be
)

// Begin makes the auditor begin behind the records that are gone. It must know nothing yet.
func (a *Auditor) Begin(beginnings map[topology.TopicPartition]Beginning) {
	for at, b := range beginnings { //laws:ordered each is written under a key of its own
		a.beginnings[at] = b
		a.memory.Set(a.placeKey(kindBeginning, at), pack(uint64(b.Offset), uint64(max(b.TimeMs, 0))))
		a.move(at, b.Offset)
	}
}

// Beginnings are the places whose first records are gone.
func (a *Auditor) Beginnings() map[topology.TopicPartition]Beginning { return a.beginnings }

// Adopt takes a row of a changelog as the fold's, for a group whose input begins late in the partition. It is given every
// row that the changelog has, after Begin. A row that was not changed since the beginning is the row at the beginning. Of
// others the oldest is taken: what the key's inputs made of it before cannot be told.
func (a *Auditor) Adopt(r *topology.Record) {
	t := a.topics[r.Topic]
	row := &pb.Row{}
	if t == nil || t.table == nil || len(r.Value) == 0 || row.UnmarshalVT(r.Value) != nil {
		return // the changelog is looked at again, as all topics are
	}
	begin, cut := a.beginnings[topology.TopicPartition{Topic: t.table.Machine.Group.Input, Partition: r.Partition}]
	at := rowKey(kindRow, t.table.Machine.Group.Number, r.Partition, r.Key)
	known := a.memory.Get(at)
	if !cut || known != nil && !adoptable(throughOf(known), row.Through, begin.Offset, r.Key) {
		return
	}
	if known == nil {
		a.counts.Adopted++
	}
	a.memory.Set(at, r.Value)
	for _, d := range row.GetOutbox().GetDevices() {
		if t.table.commands {
			a.keep(r.Key, d.DeviceId, &device{taken: d.ClientSeq, low: d.ClientSeq, base: d.ClientSeq})
		}
	}
}

// adoptable reports whether a row is to be preferred to the one that was adopted.
func adoptable(known, through, begin int64, key string) bool {
	if key == topology.RulesKey || through <= begin {
		return through > known && (known <= begin || key == topology.RulesKey) // activations carry their offsets
	}
	return known <= begin || through < known
}

func throughOf(row []byte) int64 {
	r := &pb.Row{}
	if r.UnmarshalVT(row) != nil {
		return 0
	}
	return r.Through
}

// mayBeGone reports whether something that was caused at a time may have stood in a place before its beginning.
func (a *Auditor) mayBeGone(at topology.TopicPartition, timeMs int64) bool {
	begin, cut := a.beginnings[at]
	return cut && timeMs <= begin.TimeMs
}

// begun reports whether the first records of a place are gone.
func (a *Auditor) begun(at topology.TopicPartition) bool {
	_, cut := a.beginnings[at]
	return cut
}

// placeOf is where a key stands in a topic.
func (a *Auditor) placeOf(topic, key string) topology.TopicPartition {
	return topology.TopicPartition{Topic: topic, Partition: topology.PartitionOf(key, a.plan.Partitions)}
}

// unproved counts what cannot be proved.
func (a *Auditor) unproved(what string) { a.counts.Unproved[what]++ }

// pass notes an input that cannot be folded: the row that is known is of a later time. What it said is not proved then.
func (a *Auditor) pass(m *machine, in *topology.Record) {
	a.memory.Set(passedKey(m.Machine.Group.Number, in.Partition, in.Offset), nil)
	a.unproved(unprovedInput)
}

// isUnproved reports whether an output leads back to what is gone, or was passed.
func (a *Auditor) isUnproved(s sighting) bool {
	begin, cut := a.beginnings[a.source(s.route)]
	return cut && (s.offset < begin.Offset || a.memory.Get(passedKey(s.group, s.from, s.offset)) != nil)
}

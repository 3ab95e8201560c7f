// Numbers that clients and views rely on: each is the one before plus one. Repeats have numbers that were met.

package audit

import (
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

func (a *Auditor) numberKey(r *topology.Record) []byte {
	return append([]byte{kindNumber, a.topic(r.Topic).id}, r.Key...)
}

// isNext compares a number with the last of its key. It is true for what was not met before. In a new epoch numbers begin
// at 1 again.
func (a *Auditor) isNext(r *topology.Record, what string, epoch, got uint64) bool {
	var last, era uint64
	if n := unpack(a.memory.Get(a.numberKey(r))); len(n) == 2 {
		last, era = n[0], n[1]
	}
	switch {
	case era == 0 && last == 0 && a.begun(topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}):
		last, era = got-1, epoch // numbers before it are gone
	case epoch > era:
		last, era = 0, epoch
	}
	if epoch < era || got <= last {
		return false
	}
	a.dense(r, what, last+1, got)
	a.memory.Set(a.numberKey(r), pack(got, era))
	return true
}

// isNextOfConversation is isNext for a conversation, which numbers its events and among them its messages.
func (a *Auditor) isNextOfConversation(r *topology.Record, e *pb.ConversationEvent) bool {
	var seq, messages uint64
	if n := unpack(a.memory.Get(a.numberKey(r))); len(n) == 2 {
		seq, messages = n[0], n[1]
	}
	if e.Seq <= seq {
		return false
	}
	if seq == 0 && a.begun(topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}) {
		a.memory.Set(a.numberKey(r), pack(e.Seq, e.Number)) // numbers before it are gone
		return true
	}
	if e.GetMessageSent() != nil {
		messages++
	}
	if a.dense(r, "seq", seq+1, e.Seq) {
		a.dense(r, "number", messages, e.Number)
	}
	a.memory.Set(a.numberKey(r), pack(e.Seq, e.Number))
	return true
}

func (a *Auditor) dense(r *topology.Record, what string, want, got uint64) bool {
	if got != want {
		a.violate(Violation{Law: Dense, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key,
			Says: fmt.Sprintf("%s is %d, and the next one would be %d", what, got, want)})
	}
	return got == want
}

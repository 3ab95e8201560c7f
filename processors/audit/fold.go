// Inputs: each is folded again, by the very fold that the processors run.

package audit

import (
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// fold folds an input, remembers its outputs, and resolves records that came before it.
func (a *Auditor) fold(m *machine, in *topology.Record) (err error) {
	defer func() { // folds catch panics of machines; others mean that rows or rules do not fit this binary
		if p := recover(); p != nil {
			err = fmt.Errorf("fold %s/%d@%d again: %v", in.Topic, in.Partition, in.Offset, p)
		}
	}()
	at := topology.TopicPartition{Topic: in.Topic, Partition: in.Partition}
	if a.begun(at) && throughOf(m.Rows.Get(topology.RowKey{Partition: in.Partition, Key: in.Key})) > in.Offset {
		a.pass(m, in)
		a.unpark(m.Machine.Group.Number, in.Partition, a.positions[at], in.Offset+1)
		return nil
	}
	folded, err := m.Fold(in)
	if err != nil {
		return err
	}
	if folded.After != nil {
		a.expect(m, in, folded.Outputs)
		if m.commands {
			a.asked(folded.Before, folded.After, in)
		}
		a.memory.Set(rowKey(kindAwaited, m.Machine.Group.Number, in.Partition, in.Key), number(uint64(in.Offset)))
	}
	a.unpark(m.Machine.Group.Number, in.Partition, a.positions[at], in.Offset+1)
	return nil
}

// rows are the rows of a group's table in the auditor's memory.
type rows struct {
	memory Memory
	group  uint16
}

// Get implements topology.Rows.
func (r rows) Get(at topology.RowKey) []byte {
	return r.memory.Get(rowKey(kindRow, r.group, at.Partition, at.Key))
}

// Set implements topology.Rows.
func (r rows) Set(at topology.RowKey, row []byte) {
	r.memory.Set(rowKey(kindRow, r.group, at.Partition, at.Key), row)
}

// observeEvent decodes a record for the checks that concern more than its own flow.
func (a *Auditor) observeEvent(t *topic, r *topology.Record) {
	switch t.payload {
	case conversationEvents:
		e := &pb.ConversationEvent{}
		if a.opened(r, e) && a.isNextOfConversation(r, e) {
			a.owe(r.Key, e)
		}
	case inboxEvents:
		e := &pb.InboxEvent{}
		if a.opened(r, e) && a.isNext(r, "inbox_seq", e.Epoch, e.InboxSeq) {
			a.deliver(r, e)
		}
	case "AccountEvent":
		e := &pb.AccountEvent{}
		if a.opened(r, e) {
			a.isNext(r, "version", 0, e.Version)
		}
	case "BookmarkEvent":
		e := &pb.BookmarkEvent{}
		if a.opened(r, e) {
			a.isNext(r, "version", 0, e.Version)
		}
	case "DeadLetter":
		e := &pb.DeadLetter{}
		if a.opened(r, e) {
			a.counts.DeadLetters[e.Group+" "+e.Failing.String()]++
		}
	}
}

func (a *Auditor) opened(r *topology.Record, into interface{ UnmarshalVT([]byte) error }) bool {
	if err := into.UnmarshalVT(r.Value); err != nil {
		a.violate(Violation{Law: Foreign, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key,
			Says: "its value is not what the topic holds"})
		return false
	}
	return true
}

// Inputs: each is folded again, by the very fold that the processors run.

package audit

import (
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// fold folds an input, remembers what must be said for it, and settles what was seen before it.
func (a *Auditor) fold(m *machine, in *topology.Record) (err error) {
	defer func() { // folds catch panics of machines; what is left says that rows or rules do not fit this binary
		if p := recover(); p != nil {
			err = fmt.Errorf("fold %s/%d@%d again: %v", in.Topic, in.Partition, in.Offset, p)
		}
	}()
	at := rowKey(kindRow, m.Group.Number, in.Partition, in.Key)
	row := a.memory.Get(at)
	rules := m.RulesAt(a.memory.Get(rowKey(kindRow, m.Group.Number, in.Partition, topology.RulesKey)), in.Offset)
	if rules > m.MaxRules {
		return fmt.Errorf("rules %d hold at %s/%d@%d, and this binary knows them up to %d: verify with a newer one",
			rules, in.Topic, in.Partition, in.Offset, m.MaxRules)
	}
	if row != nil && a.begun(Place{in.Topic, in.Partition}) && throughOf(row) > in.Offset {
		a.pass(m, in)
		a.unpark(m.Group.Number, in.Partition, a.positions[Place{in.Topic, in.Partition}], in.Offset+1)
		return nil
	}
	next, out := m.Fold(rules, row, in)
	if next != nil {
		a.expect(m, in, out)
		if m.commands {
			a.asked(row, next, in)
		}
		a.memory.Set(at, next)
		a.memory.Set(rowKey(kindAwaited, m.Group.Number, in.Partition, in.Key), number(uint64(in.Offset)))
	}
	a.unpark(m.Group.Number, in.Partition, a.positions[Place{in.Topic, in.Partition}], in.Offset+1)
	return nil
}

// hear looks into a record for what concerns more than its own flow.
func (a *Auditor) hear(t *topic, r *topology.Record) {
	switch t.word {
	case talkWord:
		e := &pb.ConversationEvent{}
		if a.opened(r, e) && a.isNextOfConversation(r, e) {
			a.owe(r.Key, e)
		}
	case inboxWord:
		e := &pb.InboxEvent{}
		if a.opened(r, e) && a.isNext(r, "inbox_seq", e.Epoch, e.InboxSeq) {
			a.told(r, e)
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

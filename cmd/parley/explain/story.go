// The story of a record: its steps as a tree, what led to it, and what was delivered.

package explain

import (
	"fmt"
	"time"

	"github.com/parley-im/parley/cmd/parley/output"
	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// Story is a record and everything that came of it.
type Story struct {
	Because    []string   `json:"because,omitempty"` // what led to the first record, from the command on
	First      *Step      `json:"first"`
	Deliveries []Delivery `json:"deliveries,omitempty"`
	Took       string     `json:"took,omitempty"` // from the first record to the last, by the brokers' clocks
}

// Step is a record and what came of it.
type Step struct {
	At       string   `json:"at"`
	Time     string   `json:"time,omitempty"`
	After    string   `json:"after,omitempty"` // since the record that caused it
	Key      string   `json:"key"`
	Record   any      `json:"record"`
	Missing  bool     `json:"missing,omitempty"` // the fold produces it, and it is not in the log (yet)
	Copies   int      `json:"copies,omitempty"`  // how often it is in the log, when more than once
	Group    string   `json:"group,omitempty"`
	Before   any      `json:"row_before,omitempty"`
	Changed  any      `json:"row_after,omitempty"`
	Decided  string   `json:"decided,omitempty"`
	Views    []string `json:"views,omitempty"`
	Produced []*Step  `json:"said,omitempty"`

	record *topology.Record // nil while missing
	cause  topology.Cause
	target topology.TopicPartition // where an output belongs
	caused time.Time               // when its input was written
}

// Delivery is one event in one user's inbox.
type Delivery struct {
	User     string `json:"user"`
	InboxSeq uint64 `json:"inbox_seq"`
	Event    string `json:"told"`
	At       string `json:"at"`
	After    string `json:"after"` // since the first record
}

func position(r *topology.Record) string {
	return fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
}

func stepOf(r *topology.Record) *Step {
	return &Step{At: position(r), Time: output.Time(r.Time), Key: r.Key, Record: output.Record(r), record: r}
}

// outputOf is the step of an output that was not yet found in the log.
func outputOf(o topology.Output, in *topology.Record, plan topology.Plan, group topology.Group, index int) *Step {
	return &Step{
		At: "nowhere", Key: o.Key, Missing: true, Record: output.Record(&topology.Record{Topic: o.Topic, Value: o.Value}),
		target: topology.TopicPartition{Topic: o.Topic, Partition: topology.PartitionOf(o.Key, plan.Partitions)},
		cause:  topology.Cause{Epoch: plan.Epoch, Group: group.Number, Partition: in.Partition, Offset: in.Offset, Index: uint32(index)},
		caused: in.Time,
	}
}

// found notes that an output is in the log.
func (s *Step) found(r *topology.Record) {
	if !s.Missing {
		s.Copies = max(s.Copies, 1) + 1
		return
	}
	s.Missing, s.record, s.At, s.Time = false, r, position(r), output.Time(r.Time)
	s.After, s.Record = "+"+r.Time.Sub(s.caused).String(), output.Record(r)
}

// folded notes what a group made of the record.
func (s *Step) folded(plan topology.Plan, group topology.Group, f topology.Folded) {
	s.Group, s.Before, s.Changed, s.Decided = group.Name, output.Row(f.Before), output.Row(f.After), decision(f)
	for i, o := range f.Outputs {
		s.Produced = append(s.Produced, outputOf(o, f.In, plan, group, i))
	}
}

// decision describes what a group made of an input.
func decision(f topology.Folded) string {
	if f.After == nil {
		return "dropped: it repeats what was processed before"
	}
	if len(f.Outputs) == 0 {
		return "processed: no output"
	}
	for _, o := range f.Outputs {
		if o.Topic == topology.DeadLetters {
			l := &pb.DeadLetter{}
			if l.UnmarshalVT(o.Value) == nil {
				return fmt.Sprintf("could not be processed, %s: %s", l.Failing, l.Detail)
			}
		}
		if m, err := processors.Decode(o.Topic, o.Value); err == nil {
			if in, ok := m.(*pb.InboxCommand); ok && in.GetRefused() != nil {
				return "refused: " + in.GetRefused().Reason.String()
			}
		}
	}
	if len(f.Outputs) == 1 {
		return "processed: one output"
	}
	return fmt.Sprintf("processed: %d outputs", len(f.Outputs))
}

// deliveryOf is what a step delivered to a user's inbox, if anything.
func deliveryOf(s *Step, first *topology.Record) (Delivery, bool) {
	event := &pb.InboxEvent{}
	if s.record == nil || envelopeOf(s.record) != "InboxEvent" || event.UnmarshalVT(s.record.Value) != nil {
		return Delivery{}, false
	}
	word := "account"
	switch w := event.Word.(type) {
	case *pb.InboxEvent_Conversation:
		word = fmt.Sprintf("event %d of %s", w.Conversation.GetEvent().GetSeq(), w.Conversation.GetConversation())
	case *pb.InboxEvent_Receipt:
		word = "receipt of " + w.Receipt.GetUser()
	case *pb.InboxEvent_Refused:
		word = "refusal: " + w.Refused.GetReason().String()
	}
	return Delivery{s.record.Key, event.InboxSeq, word, s.At, "+" + s.record.Time.Sub(first.Time).String()}, true
}

// envelopeOf is the message type of a record's topic.
func envelopeOf(r *topology.Record) string {
	t, _ := topology.House().Topic(r.Topic)
	return t.Envelope
}

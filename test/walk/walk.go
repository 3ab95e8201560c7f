// Package walk runs the whole plan in memory, for tests: topics with partitions, the fold of every group, and nothing else. It
// adds causes as the wire does and runs until no group has input left. It draws no random number and reads no clock, so the
// same sends give the same bytes; views and gateways can be tested on its output.
//
//	h := walk.New(topology.House())
//	h.Send("outbox.commands", "ann", &pb.OutboxCommand{...})
//	h.Run()
//	for _, r := range h.Records("conversation.events") { ... }
package walk

import (
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const (
	sendGap   = 50 * time.Millisecond // between two sends: a person who sends without a pause stays under the rate limit
	recordGap = time.Millisecond      // between two records
)

// Begin is the time of the first record.
var Begin = time.UnixMilli(1_700_000_000_000).UTC()

// House is the plan's topics, groups and tables in memory. It is for one goroutine.
type House struct {
	plan   topology.Plan
	groups []*group
	topics map[string][][]topology.Record // topic -> partition -> records
	order  []place                        // every record as it was written
	now    time.Time
}

// group is a machine with its table and how far it has folded.
type group struct {
	topology.Table
	rows topology.MemoryRows // of the table
	next []int64             // partition -> offset
}

type place struct {
	topic     string
	partition int32
	offset    int64
}

// New is an empty house.
func New(plan topology.Plan) *House {
	h := &House{plan: plan, topics: map[string][][]topology.Record{}, now: Begin}
	for _, m := range processors.Machines(plan) {
		rows := topology.MemoryRows{}
		g := &group{Table: topology.Table{Machine: m, Rows: rows}, rows: rows, next: make([]int64, plan.Partitions)}
		h.groups = append(h.groups, g)
		h.topics[plan.Table(m.Group.Name)] = make([][]topology.Record, plan.Partitions)
	}
	for _, t := range plan.Topics {
		h.topics[t.Name] = make([][]topology.Record, plan.Partitions)
	}
	return h
}

// Send writes a record as a gateway does, without a cause.
func (h *House) Send(topic, key string, message proto.Message) topology.Record {
	value, err := message.(interface{ MarshalVT() ([]byte, error) }).MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("walk: %T cannot be encoded: %v", message, err))
	}
	return h.SendBytes(topic, key, value)
}

// SendBytes writes any bytes, including what no gateway would write.
func (h *House) SendBytes(topic, key string, value []byte, headers ...topology.Header) topology.Record {
	h.now = h.now.Add(sendGap)
	return h.write(topic, topology.PartitionOf(key, h.plan.Partitions), key, value, headers)
}

// Repeat writes a record again, with its headers: what a producer does whose acknowledgement was lost. No time
// passes, so that a run with repeats and one without write the same bytes.
func (h *House) Repeat(r topology.Record) topology.Record {
	h.now = h.now.Add(-recordGap)
	return h.write(r.Topic, r.Partition, r.Key, r.Value, r.Headers)
}

// Activate writes ActivateRules to one partition of a group's input, by number as an operator does.
func (h *House) Activate(group string, partition int32, rules uint32) topology.Record {
	g := h.group(group)
	word := &pb.ActivateRules{Rules: rules}
	commands := map[string]interface{ MarshalVT() ([]byte, error) }{
		"outbox":       &pb.OutboxCommand{Word: &pb.OutboxCommand_ActivateRules{ActivateRules: word}},
		"conversation": &pb.ConversationCommand{Word: &pb.ConversationCommand_ActivateRules{ActivateRules: word}},
		"inbox":        &pb.InboxCommand{Word: &pb.InboxCommand_ActivateRules{ActivateRules: word}},
		"bookmark":     &pb.BookmarkCommand{Word: &pb.BookmarkCommand_ActivateRules{ActivateRules: word}},
		"account":      &pb.AccountCommand{Word: &pb.AccountCommand_ActivateRules{ActivateRules: word}},
	}
	value, err := commands[group].MarshalVT()
	if err != nil {
		panic(fmt.Sprintf("walk: ActivateRules cannot be encoded: %v", err))
	}
	return h.write(g.Machine.Group.Input, partition, topology.RulesKey, value, nil)
}

// Wait lets time pass.
func (h *House) Wait(d time.Duration) { h.now = h.now.Add(d) }

// Now is the time of the newest record.
func (h *House) Now() time.Time { return h.now }

// Run folds until no group has input left: group by group in the order of the plan, partition by partition.
func (h *House) Run() {
	for ran := true; ran; {
		ran = false
		for _, g := range h.groups {
			for p := range h.plan.Partitions {
				for h.Step(g.Machine.Group.Name, p) {
					ran = true
				}
			}
		}
	}
}

// Step folds one record of one partition. It is false when there is none, or when newer rules are in force than the binary
// knows: then the partition has stopped, as it does for real. Tests that want another order call it themselves.
func (h *House) Step(name string, partition int32) bool {
	g := h.group(name)
	log := h.topics[g.Machine.Group.Input][partition]
	if g.next[partition] == int64(len(log)) {
		return false
	}
	in := &log[g.next[partition]]
	folded, err := g.Fold(in)
	if err != nil {
		return false
	}
	g.next[partition]++
	for i, o := range folded.Outputs {
		cause := h.plan.Cause(g.Machine.Group, in, i).Pack()
		headers := append([]topology.Header{{Key: topology.HeaderCause, Value: cause}}, in.Inherited()...)
		h.write(o.Topic, topology.PartitionOf(o.Key, h.plan.Partitions), o.Key, o.Value, headers)
	}
	if row := folded.After; row != nil {
		generation := binary.BigEndian.AppendUint64(nil, 0)
		h.write(h.plan.Table(name), partition, in.Key, row, []topology.Header{{Key: topology.HeaderGeneration, Value: generation}})
	}
	return true
}

// Rewind makes a group fold a partition again from an offset, as after a lost commit; the table stays.
func (h *House) Rewind(group string, partition int32, offset int64) {
	h.group(group).next[partition] = offset
}

// Records are the records of a topic, or of a group's table (plan.Table), in the order in which they were written. Within
// a partition that is the order of offsets.
func (h *House) Records(topic string) []topology.Record {
	var records []topology.Record
	for _, r := range h.Log() {
		if r.Topic == topic {
			records = append(records, r)
		}
	}
	return records
}

// Log is every record of every topic and table, in the order in which they were written.
func (h *House) Log() []topology.Record {
	records := make([]topology.Record, 0, len(h.order))
	for _, at := range h.order {
		records = append(records, h.topics[at.topic][at.partition][at.offset])
	}
	return records
}

// Row is the row of a key in a group's table; nil when there is none.
func (h *House) Row(group, key string) *pb.Row {
	value := h.group(group).rows.Get(topology.RowKey{Partition: topology.PartitionOf(key, h.plan.Partitions), Key: key})
	if value == nil {
		return nil
	}
	row := &pb.Row{}
	if err := row.UnmarshalVT(value); err != nil {
		panic(fmt.Sprintf("walk: row %q of %s: %v", key, group, err))
	}
	return row
}

// write appends a record.
func (h *House) write(topic string, partition int32, key string, value []byte, headers []topology.Header) topology.Record {
	if h.topics[topic] == nil {
		panic(fmt.Sprintf("walk: the plan has no topic %q", topic))
	}
	log := &h.topics[topic][partition]
	h.now = h.now.Add(recordGap)
	r := topology.Record{
		Topic: topic, Partition: partition, Offset: int64(len(*log)), Time: h.now, Key: key, Value: value, Headers: headers,
	}
	*log = append(*log, r)
	h.order = append(h.order, place{topic, partition, r.Offset})
	return r
}

func (h *House) group(name string) *group {
	for _, g := range h.groups {
		if g.Machine.Group.Name == name {
			return g
		}
	}
	panic(fmt.Sprintf("walk: the plan has no group %q", name))
}

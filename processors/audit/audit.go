// Package audit is the auditor: it takes the records of every topic, folds every input again, and reports where the log is not
// what the fold emits. It is pure: it keeps its state in a Memory that it is given, and the same records give the same report
// in whatever order the topics are read, each partition in its own order.
//
//	audit.go      this file: what an auditor is, and the way of a record through it
//	begin.go      logs whose first records are gone
//	memory.go     what it keeps, and under which keys
//	flow.go       outputs in the log against outputs of the fold, matched by cause
//	fold.go       inputs: the production fold
//	number.go     numbers of events: each the one before plus one
//	outcome.go    each command of a device has one outcome
//	delivery.go   each event of a conversation reaches each of its people once
//	runs.go       numbers that wait, as runs
//	row.go        rows in changelogs against the fold
//	missing.go    what cannot come any more
//	report.go     laws, violations, counts
package audit

import (
	"encoding/json"
	"fmt"

	"github.com/parley-im/parley/topology"
)

// Limits of an auditor.
const (
	MaxAhead = 1 << 20 // outputs that wait for being seen, and as many that wait for their input; then a side waits
	maxKept  = 100     // violations that are kept as text; all are counted

	// Inputs within which a repeat of an output is compared; repeats of older ones are reported. Each output of them is about 50
	// bytes of memory; all else that is remembered grows with people and conversations, not with the log.
	repeatWindows   = 1 << 20 // of a group, all partitions together
	minRepeatWindow = 1 << 15 // of a partition; more than a processor may have in flight
)

// machine is a group as the auditor needs it.
type machine struct {
	topology.Table
	commands bool // its inputs are numbered by devices
}

// topic is a topic or a table as the auditor needs it.
type topic struct {
	id      byte
	payload string          // message of its values
	open    bool            // a gateway writes to it
	writers map[uint16]bool // numbers of the groups that write to it
	input   *machine        // the group that folds it; nil = none
	table   *machine        // the group whose changelog it is; nil = it is a topic
	deaths  bool            // it holds dead letters
}

// Auditor audits one log. It is for one goroutine.
type Auditor struct {
	plan      topology.Plan
	memory    Memory
	report    func(Violation)
	topics    map[string]*topic
	names     []string // of topics by id
	groups    map[uint16]*machine
	positions map[topology.TopicPartition]int64
	flows     map[route]*flow
	changed   map[route]*flow // flows that are not in the memory yet
	counts    Counts
	window    int64 // inputs of a partition within which repeats are compared

	beginnings     map[topology.TopicPartition]Beginning // of places whose first records are gone
	inboxes, talks string                                // topics of inbox events and of conversation events
}

// tableID is added to a group's place in the plan: ids of tables are apart from those of topics.
const tableID = 128

// Messages of topics that the auditor decodes.
const (
	outboxCommands     = "OutboxCommand" // devices number them
	inboxEvents        = "InboxEvent"
	conversationEvents = "ConversationEvent"
)

// New is an auditor of the plan's topics that goes on where the memory ends. Every violation is given to report.
func New(plan topology.Plan, machines []topology.Machine, memory Memory, report func(Violation)) (*Auditor, error) {
	a := &Auditor{
		plan: plan, memory: memory, report: report, topics: map[string]*topic{}, groups: map[uint16]*machine{},
		positions: map[topology.TopicPartition]int64{}, flows: map[route]*flow{}, changed: map[route]*flow{},
		names: make([]string, tableID+len(plan.Groups)), counts: newCounts(), beginnings: map[topology.TopicPartition]Beginning{},
		window: max(repeatWindows/int64(plan.Partitions), minRepeatWindow),
	}
	for i, t := range plan.Topics {
		known := &topic{id: byte(i), payload: t.Envelope, writers: map[uint16]bool{}, deaths: t.Name == topology.DeadLetters}
		for _, w := range t.Writers {
			if g, ok := plan.Group(w); ok {
				known.writers[g.Number] = true
			} else {
				known.open = true
			}
		}
		a.topics[t.Name], a.names[i] = known, t.Name
		switch t.Envelope {
		case inboxEvents:
			a.inboxes = t.Name
		case conversationEvents:
			a.talks = t.Name
		}
	}
	for i, m := range machines {
		input := a.topic(m.Group.Input)
		if input == nil {
			return nil, fmt.Errorf("group %s folds %s, which the plan does not have", m.Group.Name, m.Group.Input)
		}
		own := &machine{Table: topology.Table{Machine: m, Rows: rows{memory, m.Group.Number}}, commands: input.payload == outboxCommands}
		input.input, a.groups[m.Group.Number] = own, own
		table := plan.Table(m.Group.Name)
		a.topics[table], a.names[tableID+i] = &topic{id: byte(tableID + i), table: own}, table
	}
	return a, a.remember()
}

// Remember sets within how many inputs of a partition repeats of outputs are compared.
func (a *Auditor) Remember(inputs int64) { a.window = inputs }

// Topics are all that must be given to the auditor: the plan's topics in its order, then the tables.
func (a *Auditor) Topics() []string {
	var all []string
	for _, name := range a.names {
		if name != "" {
			all = append(all, name)
		}
	}
	return all
}

// Position is the offset from which on records of a place are to be given.
func (a *Auditor) Position(at topology.TopicPartition) int64 { return a.positions[at] }

// topic is a topic that the plan is known to have.
func (a *Auditor) topic(name string) *topic {
	t := a.topics[name]
	if t == nil {
		panic("the plan has no topic " + name)
	}
	return t
}

// group is the machine of a group that the plan is known to have.
func (a *Auditor) group(number uint16) *machine {
	m := a.groups[number]
	if m == nil {
		panic(fmt.Sprintf("the plan has no group number %d", number))
	}
	return m
}

// source is the input partition from which a route leads.
func (a *Auditor) source(r route) topology.TopicPartition {
	return topology.TopicPartition{Topic: a.group(r.group).Machine.Group.Input, Partition: r.from}
}

// Ahead reports whether a record should wait until other topics have been read further: else more would have to be
// remembered than the limits say, or a row would be compared before its input. Taking it anyway does no
// other harm.
func (a *Auditor) Ahead(r *topology.Record) bool {
	t := a.topics[r.Topic]
	switch {
	case t == nil:
		return false
	case t.table != nil:
		through, ok := rowThrough(r)
		return ok && through > a.positions[topology.TopicPartition{Topic: t.table.Machine.Group.Input, Partition: r.Partition}]
	case t.input != nil && a.counts.Unseen >= MaxAhead:
		return true
	case a.counts.Parked < MaxAhead:
		return false
	}
	c, err := topology.UnpackCause(r.Get(topology.HeaderCause))
	m := a.groups[c.Group]
	return err == nil && m != nil && c.Offset >= a.positions[topology.TopicPartition{Topic: m.Machine.Group.Input, Partition: c.Partition}]
}

// Take takes the next record of its place. Records before the place's position are known. An error means that the auditor
// cannot go on: its reports would be wrong.
func (a *Auditor) Take(r *topology.Record) error {
	t, at := a.topics[r.Topic], topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	if t == nil {
		return fmt.Errorf("the plan has no topic %q", r.Topic)
	}
	if r.Offset < a.positions[at] {
		return nil
	}
	a.counts.Records++
	if t.table != nil {
		a.takeRow(t.table, r)
	} else {
		ours := a.observe(t, r)
		if ours {
			a.observeEvent(t, r)
		}
		if t.input != nil {
			if err := a.fold(t.input, r); err != nil {
				return err
			}
		}
	}
	a.move(at, r.Offset+1)
	return nil
}

// Skip passes records that hold no message of the schema, as takeovers in changelogs.
func (a *Auditor) Skip(at topology.TopicPartition, next int64) {
	a.move(at, max(next, a.positions[at]))
}

func (a *Auditor) move(at topology.TopicPartition, next int64) {
	a.positions[at] = next
	a.memory.Set(a.placeKey(kindPosition, at), number(uint64(next)))
}

// Flush puts everything into the memory: an auditor that begins with it goes on where this one is.
func (a *Auditor) Flush() error {
	a.flushFlows()
	packed, err := json.Marshal(a.counts)
	if err != nil {
		return fmt.Errorf("encode the counts: %w", err)
	}
	a.memory.Set([]byte{kindCounts}, packed)
	return nil
}

func (a *Auditor) flushFlows() {
	for r, f := range a.changed { //laws:ordered each is written under a key of its own
		a.memory.Set(r.key(kindFlow), f.pack())
	}
	clear(a.changed)
}

// remember is what an earlier auditor has left in the memory.
func (a *Auditor) remember() error {
	if packed := a.memory.Get([]byte{kindCounts}); packed != nil {
		if err := json.Unmarshal(packed, &a.counts); err != nil {
			return fmt.Errorf("the auditor's memory is damaged, begin anew (--from-start): %w", err)
		}
	}
	a.each(kindPosition, func(key, value []byte) {
		a.positions[topology.TopicPartition{Topic: a.names[key[0]], Partition: int32(u32(key[1:]))}] = int64(u64(value))
	})
	a.each(kindFlow, func(key, value []byte) { a.flows[routeOf(key)] = unpackFlow(value) })
	a.each(kindBeginning, func(key, value []byte) {
		if n := unpack(value); len(n) == 2 {
			a.beginnings[topology.TopicPartition{Topic: a.names[key[0]], Partition: int32(u32(key[1:]))}] = Beginning{int64(n[0]), int64(n[1])}
		}
	})
	return nil
}

// violate reports and counts a violation, and keeps the first ones.
func (a *Auditor) violate(v Violation) {
	a.counts.Violations[v.Law]++
	if len(a.counts.Kept) < maxKept {
		a.counts.Kept = append(a.counts.Kept, v)
	}
	if a.report != nil {
		a.report(v)
	}
}

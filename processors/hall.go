// Package processors is the hall of the machines: it marries the plan and the rooms beside it, which do not know each
// other. Out comes one pure fold a group, which the processor, replay, the simulator and the tests all run.
//
//	hall.go      this file: Machines and Machine
//	room.go      what the hall needs of a machine, and the five of them
//	fold.go      the fold, in its order: admit, open, judge, measure, write
//	source.go    take or drop: the newest cause from each source partition
//	letter.go    inputs that cannot be taken
//	rule.go      which rules hold from which offset on
//	unopened.go  words that an inbox passes on without opening them
//	decode.go    a topic's bytes as its message
//
// Nothing in this folder does IO, reads a clock, draws a random number, locks, or walks over a map.
package processors

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-im/parley/topology"
)

// MaxRules is the newest version of the rules that this binary knows. Version 1 is all there is. A rule that changes
// asks Stamp.Rules in its machine; then this number rises, the binary is rolled out everywhere, and ActivateRules makes
// each partition change at one offset.
const MaxRules = 1

// machine is one group of the plan with its room.
type machine struct {
	plan    topology.Plan
	group   topology.Group
	room    room
	topics  map[protoreflect.Name]string // topic of each message that the group may say
	writers map[uint16]bool              // numbers of the groups that may write the input
}

// Machines is every group of the plan with its fold, in the order of the plan.
func Machines(plan topology.Plan) []topology.Machine {
	all := make([]topology.Machine, 0, len(plan.Groups))
	for _, group := range plan.Groups {
		m := newMachine(plan, group)
		all = append(all, topology.Machine{Group: group, Fold: m.fold, RulesAt: rulesAt, MaxRules: MaxRules})
	}
	return all
}

// Machine is the group of that name with its fold.
func Machine(plan topology.Plan, name string) (topology.Machine, bool) {
	for _, m := range Machines(plan) {
		if m.Group.Name == name {
			return m, true
		}
	}
	return topology.Machine{}, false
}

// newMachine marries a group and its room. A plan that names what the house does not have is a mistake in the plan.
func newMachine(plan topology.Plan, group topology.Group) *machine {
	m := &machine{
		plan: plan, group: group,
		topics:  make(map[protoreflect.Name]string, len(group.Output)),
		writers: make(map[uint16]bool, len(plan.Groups)),
	}
	var ok bool
	if m.room, ok = rooms[group.Name]; !ok {
		panic(fmt.Sprintf("the plan has a group %q, but there is no machine of that name: add processors/%[1]s and name it in processors/room.go", group.Name))
	}
	for _, name := range group.Output {
		topic, ok := plan.Topic(name)
		if !ok {
			panic(fmt.Sprintf("group %q says %q, but the plan has no such topic: add it to Plan.Topics", group.Name, name))
		}
		m.topics[protoreflect.Name(topic.Envelope)] = topic.Name
	}
	input, ok := plan.Topic(group.Input)
	if !ok {
		panic(fmt.Sprintf("group %q reads %q, but the plan has no such topic: add it to Plan.Topics", group.Name, group.Input))
	}
	for _, writer := range input.Writers {
		if g, ok := plan.Group(writer); ok {
			m.writers[g.Number] = true
		}
	}
	return m
}

// Package processors binds the plan to the machines in the folders beside it, which do not know each other. The result is one
// pure fold for each group, which the processor, replay, the simulator and the tests all run.
//
//	hall.go         this file: Machines and Machine
//	fold.go         the fold, in its order: check, decode, decide, measure, write
//	rules.go        which rules are in force from which offset on
//	sources.go      repeats: the newest cause from each source partition
//	dead_letter.go  inputs that cannot be applied
//	output.go       outputs and rows as bytes
//	decode.go       a topic's bytes as its message, for people
//
// Nothing in this folder does IO, reads a clock, draws a random number, locks, or ranges over a map.
//
// Details of dead letters are bytes in the log. Changing one changes the fold, so it takes new rules.
package processors

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-im/parley/processors/account"
	"github.com/parley-im/parley/processors/bookmark"
	"github.com/parley-im/parley/processors/conversation"
	"github.com/parley-im/parley/processors/inbox"
	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/outbox"
	"github.com/parley-im/parley/topology"
)

// MaxRules is the newest version of the rules that this binary knows. Version 1 is all there is. A rule that changes
// asks Stamp.Rules in its machine; then this number rises, the binary is rolled out everywhere, and ActivateRules makes
// each partition change at one offset.
const MaxRules = 1

// machines are the machines by the name of their group.
var machines = map[string]machine.Machine{
	"outbox":       outbox.Machine,
	"conversation": conversation.Machine,
	"inbox":        inbox.Machine,
	"bookmark":     bookmark.Machine,
	"account":      account.Machine,
}

// bound is one group of the plan with its machine.
type bound struct {
	plan    topology.Plan
	group   topology.Group
	machine machine.Machine
	topics  map[protoreflect.Name]string // topic of each message that the group may emit
	writers map[uint16]bool              // numbers of the groups that may write the input
}

// Machines is every group of the plan with its fold, in the order of the plan.
func Machines(plan topology.Plan) []topology.Machine {
	all := make([]topology.Machine, 0, len(plan.Groups))
	for _, group := range plan.Groups {
		b := bind(plan, group)
		all = append(all, topology.Machine{Group: group, Fold: b.fold, RulesAt: rulesAt, MaxRules: MaxRules})
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

// bind binds a group to its machine. A plan that names what does not exist is a mistake in the plan.
func bind(plan topology.Plan, group topology.Group) *bound {
	b := &bound{
		plan: plan, group: group,
		topics:  make(map[protoreflect.Name]string, len(group.Output)),
		writers: make(map[uint16]bool, len(plan.Groups)),
	}
	var ok bool
	if b.machine, ok = machines[group.Name]; !ok {
		panic(fmt.Sprintf("the plan has a group %q, but there is no machine of that name: add processors/%[1]s and name it in processors/hall.go", group.Name))
	}
	for _, name := range group.Output {
		topic, ok := plan.Topic(name)
		if !ok {
			panic(fmt.Sprintf("group %q writes to %q, but the plan has no such topic: add it to Plan.Topics", group.Name, name))
		}
		b.topics[protoreflect.Name(topic.Envelope)] = topic.Name
	}
	input, ok := plan.Topic(group.Input)
	if !ok {
		panic(fmt.Sprintf("group %q reads %q, but the plan has no such topic: add it to Plan.Topics", group.Name, group.Input))
	}
	for _, writer := range input.Writers {
		if g, ok := plan.Group(writer); ok {
			b.writers[g.Number] = true
		}
	}
	return b
}

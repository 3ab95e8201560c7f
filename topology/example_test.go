// Examples of the plan as data, for godoc.

package topology_test

import (
	"fmt"

	"github.com/parley-im/parley/topology"
)

// The plan answers what reads and writes a topic.
func ExampleHouse() {
	plan := topology.House()
	group, _ := plan.Group("conversation")
	fmt.Println(group.Name, "folds", group.Input, "by", group.Key)
	for _, topic := range group.Output {
		fmt.Println("and emits on", topic)
	}
	fmt.Println("its rows are in", plan.Table(group.Name))
	// Output:
	// conversation folds conversation.commands by home/conversation
	// and emits on conversation.events
	// and emits on inbox.commands
	// and emits on account.commands
	// its rows are in parley.conversation-table
}

// Everything of a user has the partition of the user's id: the part of a key before the first slash.
func ExamplePartitionOf() {
	fmt.Println(topology.PartitionOf("ann", 64) == topology.PartitionOf("ann/ann/bob", 64))
	// Output: true
}

// A plan that breaks one of its laws says which, and where.
func ExamplePlan_Check() {
	plan := topology.House()
	plan.Partitions = 12
	fmt.Println(plan.Check())
	// Output: partitions: 12 partitions; choose a power of two, or goka's signed remainder and ours disagree
}

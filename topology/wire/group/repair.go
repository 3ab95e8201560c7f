// What an operator has to do when something is not as it was.

package group

import "fmt"

// howToRebuild is the way back when the table is not whole, and the input is.
func (g *group) howToRebuild() string {
	return fmt.Sprintf("stop every member; if %s is whole from offset 0, delete the topic %s, create it again (parley topology apply), "+
		"delete the consumer group %s and remove its local stores (%s): everything is folded again, and receivers drop the repeats",
		g.input, g.table, g.name, g.folder())
}

// howToRestore is the way back when the input is not whole.
func (g *group) howToRestore() string {
	return fmt.Sprintf("put the records of %s back from a mirror, each at its offset and with its time, start again whatever writes to it (a client keeps to the topic that it knew), and then: %s; without the records the log must be cut anew (a plan of the next epoch)",
		g.input, g.howToRebuild())
}

// howToCommit is the way back when a commit is not where it can be.
func (g *group) howToCommit(partition int32, offset int64) string {
	return fmt.Sprintf("stop every member and commit %d by hand (kafka-consumer-groups --group %s --topic %s:%d --reset-offsets --to-offset %[1]d --execute): rows drop what they have",
		offset, g.name, g.input, partition)
}

// This file names the points at which a process can be made to die, so that a test sees what is lost there: nothing.
//
// The calls are empty and cost nothing (failpoint_off.go) but in a binary built with the tag failpoints, where they ask a
// file (failpoint_on.go). Libraries for this rewrite the sources before each build; two files with a tag need no step.

package wire

// FailpointEnv is the environment variable that names the file by which a process built with the tag failpoints is told
// where to die. It may be written at any time and is gone when the point was reached:
//
//	changelog.acked=kill after 37     dies at the 38th time, as by kill -9
//	outputs.all=freeze after 0        stands still at the first, as by SIGSTOP, until it is woken
const FailpointEnv = "PARLEY_FAILPOINT"

// BreachEnv is the environment variable by which the same binary is told to break a law, so that a test sees whether it
// would be noticed.
const BreachEnv = "PARLEY_BREACH"

// Laws that can be broken.
const (
	BreachAcks    = "acks"    // producers are content with the leader's ack, and not idempotent
	BreachCommits = "commits" // inputs are committed before what they say is acked
)

// Point is a step of a group.
type Point string

// The points, in the order in which an input, then a session, comes by.
const (
	PointFetched           Point = "fetched"            // an input is here and nothing is done
	PointOutputsSome       Point = "outputs.some"       // an output is acked, and others of its partition are not
	PointOutputsAll        Point = "outputs.all"        // all outputs are acked; the row's record has not left
	PointChangelogSent     Point = "changelog.sent"     // the row's record is with the library, on its way or soon there
	PointChangelogAcked    Point = "changelog.acked"    // the log has it, the local store does not
	PointStoreWritten      Point = "store.written"      // the local store has it, nothing is committed
	PointCommitBefore      Point = "commit.before"      // inputs are marked
	PointCommitAfter       Point = "commit.after"       // and committed
	PointRecovery          Point = "recovery"           // a changelog record is read back
	PointRevoke            Point = "revoke"             // a session is over and not drained
	PointRevokeDrained     Point = "revoke.drained"     // everything of it is acked, the last commit is not made
	PointTakeoverBefore    Point = "takeover.before"    // the table is recovered, the takeover record is not written
	PointTakeoverWritten   Point = "takeover.written"   // the takeover record is acked, the changelog's tail is not read
	PointTakeoverRead      Point = "takeover.read"      // the tail is read, the target is not chosen
	PointTakeoverCommitted Point = "takeover.committed" // the target is committed, and not read back
	PointTakeoverFenced    Point = "takeover.fenced"    // it is read back, no partition is entered
	PointTakeoverRewritten Point = "takeover.rewritten" // a suspect's row is handed over under the new generation
	PointTakeoverRetired   Point = "takeover.retired"   // the tombstone of an older takeover is handed over
)

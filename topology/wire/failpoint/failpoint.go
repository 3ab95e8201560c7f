// The points at which a process can be made to die, and the rules that it can be made to break.

// Package failpoint lets a test kill or freeze a process at a named step of a group, to see that nothing is lost there.
//
// The calls are empty and cost nothing (off.go) but in a binary built with the tag failpoints, where they read a file
// (on.go). Libraries for this rewrite the sources before each build; two files with a tag need no such step.
package failpoint

// Env is the environment variable that names the file by which a process built with the tag failpoints learns where to die.
// The file may be written at any time, and is removed when the point was reached:
//
//	changelog.acked=kill after 37     dies at the 38th time, as by kill -9
//	outputs.all=freeze after 0        stops at the first, as by SIGSTOP, until SIGCONT
const Env = "PARLEY_FAILPOINT"

// BreachEnv is the environment variable by which the same binary breaks a rule, so that a test sees whether the breach is
// noticed.
const BreachEnv = "PARLEY_BREACH"

// Rules that can be broken.
const (
	BreachAcks    = "acks"    // producers wait for the leader's ack alone, and are not idempotent
	BreachCommits = "commits" // inputs are committed before their outputs are acked
)

// Point is a step of a group.
type Point string

// The points, in the order in which an input, then a session, passes them.
const (
	Fetched           Point = "fetched"            // an input is fetched and nothing is done
	OutputsSome       Point = "outputs.some"       // an output is acked, and others of its partition are not
	OutputsAll        Point = "outputs.all"        // all outputs are acked; the row's record is not sent
	ChangelogSent     Point = "changelog.sent"     // the row's record is handed to the library
	ChangelogAcked    Point = "changelog.acked"    // the changelog has it, the local store does not
	StoreWritten      Point = "store.written"      // the local store has it, nothing is committed
	CommitBefore      Point = "commit.before"      // inputs are marked
	CommitAfter       Point = "commit.after"       // and committed
	Recovery          Point = "recovery"           // a changelog record is read back
	Revoke            Point = "revoke"             // a session is over and not drained
	RevokeDrained     Point = "revoke.drained"     // all its records are acked, the last commit is not made
	TakeoverBefore    Point = "takeover.before"    // the table is recovered, the takeover record is not written
	TakeoverWritten   Point = "takeover.written"   // the takeover record is acked, the changelog's tail is not read
	TakeoverRead      Point = "takeover.read"      // the tail is read, the target is not chosen
	TakeoverCommitted Point = "takeover.committed" // the target is committed, and not read back
	TakeoverFenced    Point = "takeover.fenced"    // it is read back, no partition is entered
	TakeoverRewritten Point = "takeover.rewritten" // a suspect's row is handed over under the new generation
	TakeoverRetired   Point = "takeover.retired"   // the tombstone of an older takeover is handed over
)

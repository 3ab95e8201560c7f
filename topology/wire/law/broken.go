// The rules that the simulator breaks, to see that its checks notice.

package law

// Broken names rules that do not hold. Production passes the zero value, under which all hold; only test/sim sets a field,
// one at a time, and must then find damage. The switches are here and not in the simulator because a rule that is broken in
// a copy says nothing about the original.
type Broken struct {
	ChangelogBeforeOutputs bool // a row's record leaves before the outputs before it are acked
	CommitBeforeOutputs    bool // inputs are committed as soon as they are folded
	HoleInCommits          bool // inputs that wrote nothing are committed though earlier ones are not acked
	StaleRowWins           bool // the last row of a key stays, not the one with the highest through
	BetterRowTrusted       bool // a key is not suspect when the log ends behind the row that is kept
	LateTakeoverBelieved   bool // every takeover counts, whatever its rank
	OutrankedOwnerFolds    bool // an owner folds though its takeover does not count
	StaleSkipEmitted       bool // an owner that may be stale believes its own skip
	StaleSkipBelieved      bool // a stale owner's skip is not void
}

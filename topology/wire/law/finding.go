// Findings: what must stop an owner, because nothing may be lost or reset silently.

package law

// Finding is what a new owner found wrong with its topics.
type Finding uint8

// The findings.
const (
	Sound          Finding = iota
	TableRecreated         // the changelog is not the one that the last owner wrote
	TableCut               // the changelog ends before what the last owner knew
	TargetDeleted          // inputs were deleted before every row that needs them was safe
	InputCut               // the input ends before the commit
	CommitsGone            // no commit, and the input does not begin at 0
	RowsMissing            // there are fewer rows than the last owner knew
	RowsAhead              // a row includes inputs that the input does not have
)

// Names of alarms, as the metric shows them.
const (
	AlarmTopic     = "topic_recreated"
	AlarmChangelog = "changelog_shrunk"
	AlarmInput     = "input_shrunk"
	AlarmCommits   = "commits_gone"
)

// Alarm is the name of the alarm that a finding raises; "" when it raises none.
func (f Finding) Alarm() string {
	switch f {
	case TableRecreated:
		return AlarmTopic
	case TableCut, RowsMissing:
		return AlarmChangelog
	case TargetDeleted, InputCut, RowsAhead:
		return AlarmInput
	case CommitsGone:
		return AlarmCommits
	}
	return ""
}

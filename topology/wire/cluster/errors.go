// Errors that more than one room of the wire returns.

package cluster

import "errors"

var (
	// ErrRefused means that Kafka and this process do not accept each other. A retry does not help.
	ErrRefused = errors.New("Kafka and this process do not accept each other")

	// ErrTopicMissing means that the plan was not applied to this cluster, or another plan was.
	ErrTopicMissing = errors.New("a topic of the plan is missing or differs: run `parley topology apply`")

	// ErrAlarm means that the log is not what it was, or needs a newer binary. A restart does not help: an operator must act.
	ErrAlarm = errors.New("stopped so that nothing is lost silently")
)

// ExitCode is the exit code of a process that ends because it must not go on: its supervisor starts it again.
const ExitCode = 3

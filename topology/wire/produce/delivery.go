// What is known of a record that was emitted.

package produce

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// What Emit may return. In both cases the record is not in the log, and done is not called.
var (
	ErrOverloaded = errors.New("too many records wait for Kafka: try again later")
	ErrClosed     = errors.New("the emitter is closed")
)

var errDeadline = errors.New("Kafka did not answer in time")

// Position is where a record stands in its topic.
type Position struct {
	Partition int32
	Offset    int64
}

// DeliveryError is why a record has no position. Commands carry a client_seq, so they may be sent again in either case.
type DeliveryError struct {
	Err        error
	MaybeInLog bool // false: certainly not in the log; true: unknown
}

// Error names which of the two it is.
func (e *DeliveryError) Error() string {
	if e.MaybeInLog {
		return fmt.Sprintf("the record may or may not be in the log: %v", e.Err)
	}
	return fmt.Sprintf("the record is not in the log: %v", e.Err)
}

// Unwrap is for errors.Is.
func (e *DeliveryError) Unwrap() error { return e.Err }

// maybeInLog is false only for errors that a broker returns instead of appending a record. A timeout may be either.
func maybeInLog(err error) bool {
	for _, never := range []error{
		kerr.MessageTooLarge, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.PolicyViolation,
	} {
		if errors.Is(err, never) {
			return false
		}
	}
	return true
}

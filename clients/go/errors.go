// Errors that a caller may want to tell apart.

package parley

import (
	"errors"
	"fmt"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

var (
	// ErrPending: MaxPending commands wait for their outcome.
	ErrPending = errors.New("parley: too many commands wait for their outcome")
	// ErrUnknown: the command was accepted, but its outcome is in a part of the inbox that is not kept any more. Read the
	// conversation to learn what became of it.
	ErrUnknown = errors.New("parley: the outcome is not kept any more")
	// ErrOffline: the connection ended before the answer; ask again.
	ErrOffline = errors.New("parley: not connected")
)

// Refused is a frame that the gateway refused. Nothing of it is in the log.
type Refused struct {
	Code       pb.Code
	Detail     string // what to do about it
	Field      string // path of the invalid field, if any
	RetryAfter time.Duration
}

func (r *Refused) Error() string { return fmt.Sprintf("parley: refused: %v: %s", r.Code, r.Detail) }

func refusedBy(r *pb.Refused) *Refused {
	return &Refused{Code: r.GetCode(), Detail: r.GetDetail(), Field: r.GetField(), RetryAfter: time.Duration(r.GetRetryAfterMs()) * time.Millisecond}
}

// Rejected is a command that was accepted and then refused by the log.
type Rejected struct {
	Reason pb.Reason
	Event  *pb.Event
}

func (r *Rejected) Error() string { return fmt.Sprintf("parley: rejected: %v", r.Reason) }

// Ended is why a client does not reconnect: the gateway said that it would not help.
type Ended struct {
	Detail          string
	Unauthenticated bool // another token would help
}

func (e *Ended) Error() string { return "parley: the gateway ended the connection: " + e.Detail }

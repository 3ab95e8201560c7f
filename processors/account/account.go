// Package account keeps one person: profile, blocks, standing and presence. It alone says whether somebody may be made
// a member of a conversation, and it alone knows who is blocked.
//
// Like every machine of this house it has two verbs. Decide makes records and never changes the row. Apply makes the
// row after it and cannot refuse. Both are pure: the same arguments give the same results on every owner, for ever.
package account

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of one account.
const (
	MaxBlocked  = 64             // people
	MaxLeases   = 16             // sessions
	LeaseMaxMs  = 60 * 60 * 1000 // milliseconds; a lease that is asked for longer ends here
	MaxSession  = 64             // bytes of a session's id
	presenceEnd = 0              // until_ms of a session that went
)

// Stamp is what the hall knows of a record besides its word.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // the person
	TimeMs int64  // milliseconds since 1970, never falling for a row
}

// Output is something said to another topic; the hall finds the topic by the message.
type Output = struct {
	Key     string
	Message proto.Message
}

// Decision is what a command leads to.
type Decision struct {
	Repeat    bool     // it was taken before: nothing is written and nothing is said
	Malformed string   // nobody could be told of it: why, for the dead letter
	Events    []Event  // what changes the row, in this order
	Outputs   []Output // what others hear, in this order
}

// Event is what changes the row; exactly one field is set.
type Event struct {
	Said   *pb.AccountEvent
	Leases *Leases
}

// Leases are the sessions that are there now. They stay inside: what the world needs of them is PresenceChanged.
type Leases struct {
	Held []*pb.PresenceLease // sorted by session
}

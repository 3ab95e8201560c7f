// Package inbox gives everything that a person must hear one dense number: whoever has n and n+2 knows that n+1 is
// missing, and whoever has n needs to ask for nothing older.
//
// Like every machine of this house it has two verbs. Decide makes records and never changes the row. Apply makes the
// row after it and cannot refuse. Both are pure: the same arguments give the same results on every owner, for ever.
package inbox

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Stamp is what the hall knows of a record besides its word.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // the person
	TimeMs int64  // milliseconds since 1970, never falling for a row
	Epoch  uint64 // epoch of the log: in another one the numbers begin anew
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
	Said *pb.InboxEvent
}

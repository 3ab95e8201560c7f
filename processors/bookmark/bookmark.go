// Package bookmark keeps how far one person has received and read one conversation: two marks that only ever rise, so
// that a repeat, a late one or one from another device does no harm.
//
// A bookmark sees no conversation, so it cannot know whether the person is a member: its marks count only beside a
// membership, and the gates let only members write them. Marks of a direct conversation can come from its two people
// alone, because the key says so.
//
// Like every machine of this house it has two verbs. Decide makes records and never changes the row. Apply makes the
// row after it and cannot refuse. Both are pure: the same arguments give the same results on every owner, for ever.
package bookmark

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Stamp is what the hall knows of a record besides its word.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // user/home/conversation
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
	Said *pb.BookmarkEvent
}

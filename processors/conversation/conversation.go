// Package conversation judges everything that is asked of one conversation: who is in it, who may do what, and which
// number a message gets. What it says once on conversation.events it tells each member's inbox as well.
//
// Two things it never gives away. A stranger hears NOT_A_MEMBER to everything, whether the conversation exists or not.
// And a block draws no seq and is told to nobody: a gap in the numbers would tell the blocked one that something
// happened that only the other was told. The one who blocks hears it from the own account.
//
// Like every machine of this house it has two verbs. Decide makes records and never changes the row. Apply makes the
// row after it and cannot refuse. Both are pure: the same arguments give the same results on every owner, for ever.
package conversation

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of one conversation. The limit of members is the plan's fan-out: see Stamp.
const (
	MaxInvitations = 64 // open invitations
	MaxAsks        = 64 // accounts being asked
)

// Stamp is what the hall knows of a record besides its word.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // home/conversation
	TimeMs int64  // milliseconds since 1970, never falling for a row
	FanOut int    // most members, each of whose inboxes is told everything
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
	Said     *pb.ConversationEvent
	Asked    *pb.Ask        // an account is being asked
	Answered *pb.AnswerJoin // it answered
	Block    *pb.SetBlock   // one of the two blocks the other, or no longer
}

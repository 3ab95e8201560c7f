// Unread messages, derived from numbers and never counted up, so that the count cannot drift.

package effect

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Unread is the number of messages that the person of a line may see and has not read. A person who is not a member has
// nothing to read.
func Unread(line *pb.ConversationSummary) uint64 {
	from := max(line.GetMarks().GetRead(), line.GetSinceNumber())
	if line.GetMembership() != pb.Membership_MEMBERSHIP_MEMBER || line.GetNumber() <= from {
		return 0
	}
	return line.GetNumber() - from
}

// Reads is the mark that an event raises for a person without a word from the person's devices: who sends a message has read
// everything before it. 0 = none.
func Reads(user string, event *pb.ConversationEvent) uint64 {
	if !Of(event).Message || event.GetOrigin().GetUser() != user {
		return 0
	}
	return event.GetNumber()
}

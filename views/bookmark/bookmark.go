// Package bookmark turns bookmark.events into the marks that the members of a conversation see of each other.
package bookmark

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Marks is what an event leaves to be kept, nil when it is not about marks or Parley cannot have written it. Its version is
// its position: of two the higher one is kept.
func Marks(key string, event *pb.BookmarkEvent) *pb.MemberMarks {
	user, conversation, ok := name.SplitBookmark(key)
	marks := event.GetMarksRaised().GetMarks()
	if !ok || marks == nil || event.Version == 0 {
		return nil
	}
	return &pb.MemberMarks{User: user, Conversation: conversation, Marks: marks, Version: event.Version}
}

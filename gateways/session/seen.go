// Seen: marks only rise, so they are gathered and written once a second for each conversation.

package session

import (
	"maps"
	"slices"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// sight is what is known of the marks of one conversation in this session.
type sight struct {
	delivered, read uint64
	waiting         bool  // not written yet
	nextMS          int64 // may be written then
}

// see takes marks. read without delivered is mended: who read a message has it.
func (s *Session) see(now int64, id uint64, seen *pb.SeenMark) {
	conversation := seen.GetConversation()
	if !name.ValidConversation(conversation) {
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_INVALID, Field: "seen.conversation", Detail: "name the conversation as it came in an event"})
		return
	}
	s.forgetSeen(now)
	mark := s.seen[conversation]
	if mark == nil {
		if len(s.seen) >= MaxSeen {
			s.refuse(id, &pb.Refused{Code: pb.Code_CODE_OVERLOADED, RetryAfterMs: SeenEveryMS, Detail: "marks of too many conversations at once: send it again"})
			return
		}
		if s.seen == nil {
			s.seen = make(map[string]*sight)
		}
		mark = new(sight)
		s.seen[conversation] = mark
	}
	read := seen.GetMarks().GetRead()
	delivered := max(seen.GetMarks().GetDelivered(), read)
	if delivered <= mark.delivered && read <= mark.read {
		return
	}
	mark.delivered, mark.read, mark.waiting = max(mark.delivered, delivered), max(mark.read, read), true
	if now >= mark.nextMS {
		s.writeSeen(now, conversation, mark)
	}
}

func (s *Session) writeSeen(now int64, conversation string, mark *sight) {
	mark.waiting, mark.nextMS = false, now+SeenEveryMS
	s.produce(0, BookmarkCommands, name.Bookmark(s.user, conversation), &pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{
		Seen: &pb.Seen{Marks: &pb.Marks{Delivered: mark.delivered, Read: mark.read}}}})
}

// forgetSeen makes room: what was written and has rested is not needed.
func (s *Session) forgetSeen(now int64) {
	if len(s.seen) < MaxSeen {
		return
	}
	maps.DeleteFunc(s.seen, func(_ string, m *sight) bool { return !m.waiting && now >= m.nextMS })
}

func (s *Session) tickSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		if mark := s.seen[conversation]; mark.waiting && now >= mark.nextMS {
			s.writeSeen(now, conversation, mark)
		}
	}
}

// flushSeen writes what waits, because the session ends.
func (s *Session) flushSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		if mark := s.seen[conversation]; mark.waiting {
			s.writeSeen(now, conversation, mark)
		}
	}
}

func (s *Session) seenDue() int64 {
	var at int64
	for _, mark := range s.seen {
		if mark.waiting && (at == 0 || mark.nextMS < at) {
			at = mark.nextMS
		}
	}
	return at
}

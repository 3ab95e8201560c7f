// Seen: marks only rise, so they are coalesced and written once a second for each conversation, for members only.

package session

import (
	"maps"
	"slices"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// marking is what this session knows of one conversation and its marks.
type marking struct {
	delivered, read uint64
	member          bool   // the user is one: marks may be written
	asking          bool   // the views are queried whether the user is one
	waiting         bool   // not written yet
	re              uint64 // the frame that is refused if the user is none
	nextMS          int64  // may be written then
	outsideMS       int64  // until then only an event can make the user one: the last event showed the opposite, and views may lag
}

// mark takes marks. read raises delivered too: who read a message has it.
func (s *Session) mark(now int64, id uint64, seen *pb.SeenMark) {
	conversation := seen.GetConversation()
	if !name.ValidConversation(conversation) {
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_INVALID, Field: "seen.conversation", Detail: "name the conversation as it came in an event"})
		return
	}
	mark := s.marking(now, conversation)
	if mark == nil {
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_OVERLOADED, RetryAfterMs: SeenEveryMS, Detail: "marks of too many conversations at once: send it again"})
		return
	}
	if now < mark.outsideMS {
		s.notFound(id, "seen.conversation")
		return
	}
	read := seen.GetMarks().GetRead()
	delivered := max(seen.GetMarks().GetDelivered(), read)
	if delivered <= mark.delivered && read <= mark.read {
		return
	}
	mark.delivered, mark.read, mark.waiting, mark.re = max(mark.delivered, delivered), max(mark.read, read), true, id
	if !mark.member && !mark.asking {
		s.askMember(conversation, mark)
	}
	s.writeDue(now, conversation, mark)
}

// marking is what is known of a conversation, or a new one; nil when there is no room.
func (s *Session) marking(now int64, conversation string) *marking {
	if mark := s.seen[conversation]; mark != nil {
		return mark
	}
	s.forgetSeen(now)
	if len(s.seen) >= MaxSeen {
		return nil
	}
	if s.seen == nil {
		s.seen = make(map[string]*marking)
	}
	mark := new(marking)
	s.seen[conversation] = mark
	return mark
}

// due reports that a mark may be written at that time.
func (m *marking) due(now int64) bool { return m.member && m.waiting && now >= m.nextMS }

func (s *Session) writeDue(now int64, conversation string, mark *marking) {
	if mark.due(now) {
		s.writeSeen(now, conversation, mark)
	}
}

func (s *Session) writeSeen(now int64, conversation string, mark *marking) {
	mark.waiting, mark.nextMS = false, now+SeenEveryMS
	s.produce(0, BookmarkCommands, name.Bookmark(s.user, conversation), &pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{
		Seen: &pb.Seen{Marks: &pb.Marks{Delivered: mark.delivered, Read: mark.read}}}})
}

// forgetSeen makes room: what was written a while ago is not needed.
func (s *Session) forgetSeen(now int64) {
	if len(s.seen) < MaxSeen {
		return
	}
	maps.DeleteFunc(s.seen, func(_ string, m *marking) bool { return !m.waiting && !m.asking && now >= max(m.nextMS, m.outsideMS) })
}

func (s *Session) tickSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		if mark := s.seen[conversation]; mark != nil {
			s.writeDue(now, conversation, mark)
		}
	}
}

// flushSeen writes what waits, because the session ends.
func (s *Session) flushSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		if mark := s.seen[conversation]; mark != nil && mark.member && mark.waiting {
			s.writeSeen(now, conversation, mark)
		}
	}
}

func (s *Session) seenDue() int64 {
	var at int64
	for _, mark := range s.seen {
		if mark.member && mark.waiting && (at == 0 || mark.nextMS < at) {
			at = mark.nextMS
		}
	}
	return at
}

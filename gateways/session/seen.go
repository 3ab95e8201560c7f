// Seen: marks only rise, so they are gathered and written once a second for each conversation, for members alone.

package session

import (
	"maps"
	"slices"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// sight is what is known of one conversation and its marks in this session.
type sight struct {
	delivered, read uint64
	member          bool   // the person is one: marks may be written
	asking          bool   // the views are asked whether the person is one
	waiting         bool   // not written yet
	re              uint64 // the frame that is refused if the person is none
	nextMS          int64  // may be written then
	outsideMS       int64  // until then only an event can say that the person is one: the last said no, and views may be behind
}

// see takes marks. read without delivered is mended: who read a message has it.
func (s *Session) see(now int64, id uint64, seen *pb.SeenMark) {
	conversation := seen.GetConversation()
	if !name.ValidConversation(conversation) {
		s.refuse(id, &pb.Refused{Code: pb.Code_CODE_INVALID, Field: "seen.conversation", Detail: "name the conversation as it came in an event"})
		return
	}
	mark := s.sight(now, conversation)
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

// sight is what is known of a conversation, or a new one; nil when there is no room.
func (s *Session) sight(now int64, conversation string) *sight {
	if mark := s.seen[conversation]; mark != nil {
		return mark
	}
	s.forgetSeen(now)
	if len(s.seen) >= MaxSeen {
		return nil
	}
	if s.seen == nil {
		s.seen = make(map[string]*sight)
	}
	mark := new(sight)
	s.seen[conversation] = mark
	return mark
}

// due says that a mark may be written at that time.
func (m *sight) due(now int64) bool { return m.member && m.waiting && now >= m.nextMS }

func (s *Session) writeDue(now int64, conversation string, mark *sight) {
	if mark.due(now) {
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
	maps.DeleteFunc(s.seen, func(_ string, m *sight) bool { return !m.waiting && !m.asking && now >= max(m.nextMS, m.outsideMS) })
}

func (s *Session) tickSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		s.writeDue(now, conversation, s.seen[conversation])
	}
}

// flushSeen writes what waits, because the session ends.
func (s *Session) flushSeen(now int64) {
	for _, conversation := range slices.Sorted(maps.Keys(s.seen)) {
		if mark := s.seen[conversation]; mark.member && mark.waiting {
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

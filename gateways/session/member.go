// Membership, as far as a session needs it for marks: what it was told or asked already spares the question.

package session

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// stands says whether an event shows the person as a member of its conversation, if it shows that at all: a conversation
// speaks to its members, and to those whom the word is about.
func (s *Session) stands(event *pb.Event) (member, known bool) {
	switch word := event.GetWord().(type) {
	case *pb.Event_Created, *pb.Event_Joined, *pb.Event_Renamed, *pb.Event_RoleChanged, *pb.Event_Message:
		return true, true
	case *pb.Event_Invited:
		return word.Invited.GetUser() != s.user, true
	case *pb.Event_Declined:
		return word.Declined.GetUser() != s.user, true
	case *pb.Event_Left:
		return word.Left.GetUser() != s.user, true
	case *pb.Event_Removed:
		return word.Removed.GetUser() != s.user, true
	}
	return false, false
}

// learn keeps what an event shows. Marks that wait for a person who was put out are dropped, and no answer of the views
// brings that person back for a while.
func (s *Session) learn(now int64, event *pb.Event) {
	conversation := event.GetConversation()
	member, known := s.stands(event)
	switch {
	case member:
		if mark := s.seen[conversation]; mark != nil {
			mark.outsideMS = 0
		}
		s.belongs(now, conversation)
	case known:
		delete(s.seen, conversation)
		if mark := s.sight(now, conversation); mark != nil {
			mark.outsideMS = now + ViewsBehindMS
		}
	}
}

// learnList keeps the conversations of a list in which there is something to see: marks of the others would raise nothing.
func (s *Session) learnList(now int64, list []*pb.Conversation) {
	for _, line := range list {
		marks := line.GetMarks()
		if line.GetMembership() == pb.Membership_MEMBERSHIP_MEMBER && line.GetNumber() > min(marks.GetDelivered(), marks.GetRead()) {
			s.belongs(now, line.GetConversation())
		}
	}
}

// belongs keeps that the person is a member, if there is room.
func (s *Session) belongs(now int64, conversation string) {
	mark := s.sight(now, conversation)
	if mark == nil || mark.member || now < mark.outsideMS {
		return
	}
	mark.member = true
	s.writeDue(now, conversation, mark)
}

// askMember asks the views once for a conversation of which this session knows nothing. No message stands before the
// first, so the answer says whether the person is a member, and no page is read for it.
func (s *Session) askMember(conversation string, mark *sight) {
	if s.asksTooMuch(mark.re) {
		delete(s.seen, conversation)
		return
	}
	s.clients++
	mark.asking = true
	query := &pb.HistoryQuery{User: s.user, Conversation: conversation, BeforeNumber: 1, Limit: 1}
	s.ask(query, false, func(now int64, a Answered) {
		s.clients--
		mark.asking = false
		answer, ok := a.Answer.(*pb.HistoryAnswer)
		switch {
		case s.seen[conversation] != mark || mark.member: // an event said it meanwhile
		case answer.GetFound():
			s.belongs(now, conversation)
		default:
			delete(s.seen, conversation)
			if ok {
				s.notFound(mark.re, "seen.conversation")
			} else {
				s.unavailable(mark.re)
			}
		}
	})
}

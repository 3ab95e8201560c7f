// Membership, as far as a session needs it for marks: what events and answers already showed saves a query.

package session

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// membership reports whether an event shows the user as a member of its conversation, if it shows that at all: events reach
// members, and those whom the event is about.
func (s *Session) membership(event *pb.Event) (member, known bool) {
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

// learn keeps what an event shows. Pending marks of a user who left are dropped, and for a while no answer of the views,
// which may lag, makes the user a member again.
func (s *Session) learn(now int64, event *pb.Event) {
	conversation := event.GetConversation()
	member, known := s.membership(event)
	switch {
	case member:
		if mark := s.seen[conversation]; mark != nil {
			mark.outsideMS = 0
		}
		s.setMember(now, conversation)
	case known:
		delete(s.seen, conversation)
		if mark := s.marking(now, conversation); mark != nil {
			mark.outsideMS = now + ViewsBehindMS
		}
	}
}

// learnList keeps the conversations of a list in which there is something to see: marks of the others would raise nothing.
func (s *Session) learnList(now int64, list []*pb.Conversation) {
	for _, line := range list {
		marks := line.GetMarks()
		if line.GetMembership() == pb.Membership_MEMBERSHIP_MEMBER && line.GetNumber() > min(marks.GetDelivered(), marks.GetRead()) {
			s.setMember(now, line.GetConversation())
		}
	}
}

// setMember keeps that the user is a member, if there is room.
func (s *Session) setMember(now int64, conversation string) {
	mark := s.marking(now, conversation)
	if mark == nil || mark.member || now < mark.outsideMS {
		return
	}
	mark.member = true
	s.writeDue(now, conversation, mark)
}

// askMember queries the views once for a conversation of which this session knows nothing. There is no message before the
// first, so the answer tells whether the user is a member without reading a page.
func (s *Session) askMember(conversation string, mark *marking) {
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
		case s.seen[conversation] != mark || mark.member: // an event showed it meanwhile
		case answer.GetFound():
			s.setMember(now, conversation)
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

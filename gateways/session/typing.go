// Typing: a whisper from one user to the other members of a conversation. It is never kept and may be lost.

package session

import (
	"maps"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// typist is a conversation in which this user types.
type typist struct {
	members []string // that receive it; kept for a short while, for nothing else
	untilMS int64    // the members are kept until then
	nextMS  int64    // the next whisper is not sent before
	asking  bool
}

// typed whispers to the members that this user types, at most once a second.
func (s *Session) typed(now int64, re uint64, typing *pb.Typing) {
	conversation := typing.GetConversation()
	if len(s.typing) >= MaxTypists {
		maps.DeleteFunc(s.typing, func(_ string, t *typist) bool { return now >= t.untilMS && !t.asking })
	}
	t := s.typing[conversation]
	if t == nil {
		if len(s.typing) >= MaxTypists {
			return
		}
		if s.typing == nil {
			s.typing = make(map[string]*typist)
		}
		t = new(typist)
		s.typing[conversation] = t
	}
	if now < t.nextMS || t.asking {
		return
	}
	if now < t.untilMS {
		s.whisperTyping(now, conversation, t)
		return
	}
	t.asking = true
	s.ask(&pb.MembersQuery{User: s.user, Conversation: conversation}, false, func(now int64, a Answered) {
		t.asking = false
		answer, _ := a.Answer.(*pb.MembersAnswer)
		if !answer.GetFound() {
			delete(s.typing, conversation)
			if answer != nil {
				s.notFound(re, "typing.conversation")
			}
			return
		}
		t.members, t.untilMS = nil, now+TypingMembersMS
		for _, m := range answer.GetMembers() {
			if user := m.GetMember().GetUser(); user != s.user && len(t.members) < MaxTypingTo {
				t.members = append(t.members, user)
			}
		}
		s.whisperTyping(now, conversation, t)
	})
}

func (s *Session) whisperTyping(now int64, conversation string, t *typist) {
	t.nextMS = now + TypingEveryMS
	frame := &pb.ServerFrame{Word: &pb.ServerFrame_Typing{Typing: &pb.Typing{Conversation: conversation, User: s.user}}}
	encoded, err := frame.MarshalVT()
	if err != nil || len(encoded) > MaxWhisper {
		return
	}
	for _, user := range t.members {
		s.out.Whisper = append(s.out.Whisper, &pb.Whisper{User: user, Frame: encoded})
	}
}

// whispered forwards typing, if its conversation is watched and its user is a member of it.
func (s *Session) whispered(in Whispered) {
	typing := in.Frame.GetTyping()
	if typing == nil {
		return
	}
	if w := s.watched[typing.GetConversation()]; w != nil && w.members[typing.GetUser()] != nil {
		s.emit(&pb.ServerFrame{Word: &pb.ServerFrame_Typing{Typing: typing}})
	}
}

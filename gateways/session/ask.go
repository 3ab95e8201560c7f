// Questions: what the client asks of the views, and how their sealed answers become frames.

package session

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// ask puts a question; then goes on with its answer.
func (s *Session) ask(query proto.Message, whenDrained bool, then continuation) {
	s.nextID++
	if s.asked == nil {
		s.asked = make(map[uint64]continuation)
	}
	s.asked[s.nextID] = then
	s.out.Ask = append(s.out.Ask, Ask{ID: s.nextID, Query: query, WhenDrained: whenDrained})
}

// askFor puts a question of the client: a bounded number may be out, and one that cannot be answered is refused.
func askFor[A proto.Message](s *Session, re uint64, query proto.Message, then func(now int64, answer A, open Opener)) {
	if s.asksTooMuch(re) {
		return
	}
	s.clients++
	s.ask(query, false, func(now int64, a Answered) {
		s.clients--
		answer, ok := a.Answer.(A)
		if !ok {
			s.unavailable(re)
			return
		}
		then(now, answer, a.Open)
	})
}

// asksTooMuch refuses one more question of the client when too many are out.
func (s *Session) asksTooMuch(re uint64) bool {
	if s.clients < MaxAsking {
		return false
	}
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_OVERLOADED, RetryAfterMs: RepairMS, Detail: "too many questions of this connection are open: wait for answers"})
	return true
}

func (s *Session) answered(now int64, a Answered) {
	if then, ok := s.asked[a.ID]; ok {
		if delete(s.asked, a.ID); len(s.asked) == 0 {
			s.asked = nil // an idle session keeps no empty map
		}
		then(now, a)
	}
}

// getDifference answers with events behind a cursor of the client's choice. For a client that was not live yet this is
// where it begins to be; for a live one the events go on where they were, and it drops what it has.
func (s *Session) getDifference(re uint64, get *pb.GetDifference) {
	from := get.GetCursor()
	query := &pb.DifferenceQuery{User: s.user, Cursor: from, Limit: cmp.Or(get.GetLimit(), DefaultDifference)}
	askFor(s, re, query, func(now int64, answer *pb.DifferenceAnswer, open Opener) {
		difference := &pb.Difference{Cursor: from, SnapshotNeeded: answer.GetSnapshotNeeded()}
		for _, event := range answer.GetEvents() {
			difference.Events = append(difference.Events, OpenEvent(event, s.user, s.device, open))
			difference.Cursor = &pb.Cursor{InboxSeq: event.GetInboxSeq(), Epoch: event.GetEpoch()}
		}
		head := answer.GetHead()
		s.feed.note(head)
		at := place{difference.Cursor.GetInboxSeq(), difference.Cursor.GetEpoch()}
		difference.More = !difference.SnapshotNeeded && len(difference.Events) > 0 && at.before(place{head.GetInboxSeq(), head.GetEpoch()})
		s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Difference{Difference: difference}})
		if !s.feed.live && !difference.SnapshotNeeded {
			s.jump(now, difference.Cursor)
		}
	})
}

// getSnapshot answers with everything needed to start, and makes the client live from there.
func (s *Session) getSnapshot(re uint64, get *pb.GetSnapshot) {
	s.feed.snapshots++
	before := s.clients
	s.listing(re, get.GetLimit(), func(now int64, cursor *pb.Cursor, list []*pb.Conversation) {
		s.feed.snapshots--
		if list == nil {
			s.unavailable(re)
			return
		}
		if cursor == nil {
			cursor = new(pb.Cursor)
		}
		s.feed.note(cursor)
		s.learnList(now, list)
		s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Snapshot{Snapshot: &pb.Snapshot{Cursor: cursor, Conversations: list}}})
		s.jump(now, cursor)
	})
	if s.clients == before {
		s.feed.snapshots-- // refused at once: too many questions are open
	}
}

// getList answers with the conversations.
func (s *Session) getList(re uint64, get *pb.GetConversations) {
	s.listing(re, get.GetLimit(), func(now int64, _ *pb.Cursor, list []*pb.Conversation) {
		if list == nil {
			s.unavailable(re)
			return
		}
		s.learnList(now, list)
		s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_List{List: &pb.Conversations{Conversations: list}}})
	})
}

// listing asks for the conversations and then for the names of the people in the direct ones. list is nil on failure.
func (s *Session) listing(re uint64, limit uint32, then func(now int64, cursor *pb.Cursor, list []*pb.Conversation)) {
	if s.asksTooMuch(re) {
		return
	}
	s.clients++
	s.ask(&pb.ConversationsQuery{User: s.user, Limit: cmp.Or(limit, DefaultList)}, false, func(now int64, a Answered) {
		answer, ok := a.Answer.(*pb.ConversationsAnswer)
		if !ok {
			s.clients--
			then(now, nil, nil)
			return
		}
		list := make([]*pb.Conversation, 0, len(answer.GetConversations()))
		peers := make([]string, 0)
		for _, summary := range answer.GetConversations() {
			line := openSummary(summary, s.user, a.Open)
			if list = append(list, line); line.Peer != "" {
				peers = append(peers, line.Peer)
			}
		}
		slices.Sort(peers)
		peers = slices.Compact(peers)
		if len(peers) == 0 {
			s.clients--
			then(now, answer.GetCursor(), list)
			return
		}
		s.ask(&pb.PeopleQuery{Users: peers}, false, func(now int64, a Answered) {
			s.clients--
			nameThem(list, a)
			then(now, answer.GetCursor(), list)
		})
	})
}

// nameThem writes the names of people into the list; without an answer they stay empty.
func nameThem(list []*pb.Conversation, a Answered) {
	people, _ := a.Answer.(*pb.PeopleAnswer)
	names := make(map[string]string)
	for _, person := range people.GetPeople() {
		names[person.GetUser()] = reveal(a.Open, person.GetDisplayName())
	}
	for _, line := range list {
		line.PeerName = names[line.Peer]
	}
}

// openSummary turns a line of the list view into what the client sees. Unread is derived, never counted.
func openSummary(in *pb.ConversationSummary, user string, open Opener) *pb.Conversation {
	out := &pb.Conversation{Conversation: in.GetConversation(), Kind: in.GetKind(), Title: reveal(open, in.GetTitle()),
		Peer: name.Peer(in.GetConversation(), user), Seq: in.GetSeq(), Number: in.GetNumber(), Marks: in.GetMarks(),
		Membership: in.GetMembership(), Last: openMessage(open, in.GetLast()), TimeMs: in.GetTimeMs()}
	from := max(in.GetMarks().GetRead(), in.GetSinceNumber())
	if in.GetMembership() == pb.Membership_MEMBERSHIP_MEMBER && in.GetNumber() > from {
		out.Unread = in.GetNumber() - from
	}
	return out
}

// getHistory answers with messages of a conversation; the views check the membership.
func (s *Session) getHistory(re uint64, get *pb.GetHistory) {
	query := &pb.HistoryQuery{User: s.user, Conversation: get.GetConversation(), BeforeNumber: get.GetBeforeNumber(),
		Limit: cmp.Or(get.GetLimit(), DefaultHistory)}
	askFor(s, re, query, func(now int64, answer *pb.HistoryAnswer, open Opener) {
		if !answer.GetFound() {
			s.notFound(re, "history.conversation")
			return
		}
		s.belongs(now, get.GetConversation())
		history := &pb.History{Conversation: get.GetConversation(), More: answer.GetMore()}
		for _, message := range answer.GetMessages() {
			history.Messages = append(history.Messages, openMessage(open, message))
		}
		s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_History{History: history}})
	})
}

// getMembers answers with who is in a conversation.
func (s *Session) getMembers(re uint64, get *pb.GetMembers) {
	query := &pb.MembersQuery{User: s.user, Conversation: get.GetConversation()}
	askFor(s, re, query, func(now int64, answer *pb.MembersAnswer, open Opener) {
		if !answer.GetFound() {
			s.notFound(re, "members.conversation")
			return
		}
		s.belongs(now, get.GetConversation())
		s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Members{Members: openMembers(now, get.GetConversation(), answer, open)}})
	})
}

func openMembers(now int64, conversation string, answer *pb.MembersAnswer, open Opener) *pb.Members {
	out := &pb.Members{Conversation: conversation, Kind: answer.GetKind(), Title: reveal(open, answer.GetTitle())}
	for _, m := range answer.GetMembers() {
		out.Members = append(out.Members, &pb.MemberState{User: m.GetMember().GetUser(), Role: m.GetMember().GetRole(),
			DisplayName: reveal(open, m.GetDisplayName()), Marks: m.GetMarks(),
			Online: m.GetPresentUntilMs() > now, LastSeenMs: m.GetLastSeenMs()})
	}
	return out
}

// Needs says which keys open an answer or a push.
func Needs(message proto.Message) []string {
	if event, ok := message.(*pb.InboxEvent); ok { // most of what is pushed: a message has its text and nothing else sealed
		if body := event.GetConversation().GetEvent().GetMessageSent().GetBody(); body != nil {
			return []string{body.GetKeyId()}
		}
	}
	var c Collector
	switch m := message.(type) {
	case *pb.InboxEvent:
		OpenEvent(m, "", "", &c)
	case *pb.DifferenceAnswer:
		for _, event := range m.GetEvents() {
			OpenEvent(event, "", "", &c)
		}
	case *pb.ConversationsAnswer:
		for _, summary := range m.GetConversations() {
			openSummary(summary, "", &c)
		}
	case *pb.HistoryAnswer:
		for _, message := range m.GetMessages() {
			openMessage(&c, message)
		}
	case *pb.MembersAnswer:
		openMembers(0, "", m, &c)
	case *pb.PeopleAnswer:
		for _, person := range m.GetPeople() {
			reveal(&c, person.GetDisplayName())
		}
	}
	keys := make([]string, 0, len(c.Keys))
	for key := range c.Keys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

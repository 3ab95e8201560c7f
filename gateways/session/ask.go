// Queries: what the client asks of the views, and what becomes of the answers.

package session

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// ask queries the views; then continues with the answer.
func (s *Session) ask(query proto.Message, whenDrained bool, then continuation) {
	s.nextID++
	if s.asked == nil {
		s.asked = make(map[uint64]continuation)
	}
	s.asked[s.nextID] = then
	s.out.Ask = append(s.out.Ask, Ask{ID: s.nextID, Query: query, WhenDrained: whenDrained})
}

// askFor asks a query of the client: a bounded number may be in flight, and one that fails is refused.
func askFor[A proto.Message](s *Session, re uint64, query proto.Message, then func(now int64, answer A, open translate.Opener)) {
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

// asksTooMuch refuses one more query of the client when too many are in flight.
func (s *Session) asksTooMuch(re uint64) bool {
	if s.clients < MaxAsking {
		return false
	}
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_OVERLOADED, RetryAfterMs: RepairBackoffMS, Detail: "too many questions of this connection are open: wait for answers"})
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

// getDifference answers with events after a cursor of the client's choice. A client that was not live yet becomes live
// there; a live one continues where it was, and drops what it already has.
func (s *Session) getDifference(re uint64, get *pb.GetDifference) {
	from := get.GetCursor()
	query := &pb.DifferenceQuery{User: s.user, Cursor: from, Limit: cmp.Or(get.GetLimit(), DefaultDifference)}
	askFor(s, re, query, func(now int64, answer *pb.DifferenceAnswer, open translate.Opener) {
		difference := &pb.Difference{Cursor: from, SnapshotNeeded: answer.GetSnapshotNeeded()}
		for _, event := range answer.GetEvents() {
			difference.Events = append(difference.Events, translate.Event(event, s.user, s.device, open))
			difference.Cursor = &pb.Cursor{InboxSeq: event.GetInboxSeq(), Epoch: event.GetEpoch()}
		}
		head := answer.GetHead()
		s.feed.note(head)
		at := position{difference.Cursor.GetInboxSeq(), difference.Cursor.GetEpoch()}
		difference.More = !difference.SnapshotNeeded && len(difference.Events) > 0 && at.before(position{head.GetInboxSeq(), head.GetEpoch()})
		s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Difference{Difference: difference}})
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
		s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Snapshot{Snapshot: &pb.Snapshot{Cursor: cursor, Conversations: list}}})
		s.jump(now, cursor)
	})
	if s.clients == before {
		s.feed.snapshots-- // refused at once: too many queries are in flight
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
		s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_List{List: &pb.Conversations{Conversations: list}}})
	})
}

// listing queries the conversations and then the names of the peers in the direct ones. list is nil on failure.
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
		list := translate.Conversations(answer, s.user, a.Open)
		peers := make([]string, 0)
		for _, line := range list {
			if line.Peer != "" {
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
			addPeerNames(list, a)
			then(now, answer.GetCursor(), list)
		})
	})
}

// addPeerNames adds the names of peers to the list; without an answer they stay empty.
func addPeerNames(list []*pb.Conversation, a Answered) {
	people, _ := a.Answer.(*pb.PeopleAnswer)
	names := translate.Names(people, a.Open)
	for _, line := range list {
		line.PeerName = names[line.Peer]
	}
}

// getHistory answers with messages of a conversation; the views check the membership.
func (s *Session) getHistory(re uint64, get *pb.GetHistory) {
	query := &pb.HistoryQuery{User: s.user, Conversation: get.GetConversation(), BeforeNumber: get.GetBeforeNumber(),
		Limit: cmp.Or(get.GetLimit(), DefaultHistory)}
	askFor(s, re, query, func(now int64, answer *pb.HistoryAnswer, open translate.Opener) {
		if !answer.GetFound() {
			s.notFound(re, "history.conversation")
			return
		}
		s.setMember(now, get.GetConversation())
		s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_History{History: translate.History(get.GetConversation(), answer, open)}})
	})
}

// getMembers answers with the members of a conversation.
func (s *Session) getMembers(re uint64, get *pb.GetMembers) {
	query := &pb.MembersQuery{User: s.user, Conversation: get.GetConversation()}
	askFor(s, re, query, func(now int64, answer *pb.MembersAnswer, open translate.Opener) {
		if !answer.GetFound() {
			s.notFound(re, "members.conversation")
			return
		}
		s.setMember(now, get.GetConversation())
		s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Members{Members: translate.Members(now, get.GetConversation(), answer, open)}})
	})
}

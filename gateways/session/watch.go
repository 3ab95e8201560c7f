// Watching: typing, receipts and presence of the few conversations that are on the client's screen.

package session

import (
	"slices"

	"github.com/parley-im/parley/gateways/translate"
	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// watching is a conversation on the screen.
type watching struct {
	re      uint64 // the request that is answered next; 0 = none
	asking  bool
	again   bool // something changed while the query was in flight
	members map[string]*attendance
}

// attendance is what is known of a member's presence.
type attendance struct {
	untilMS, lastSeenMS int64
	online              bool
}

// watch replaces the set.
func (s *Session) watch(re uint64, watch *pb.Watch) {
	wanted := watch.GetConversations()
	for _, conversation := range wanted {
		if !name.ValidConversation(conversation) {
			s.refuse(re, &pb.Refused{Code: pb.Code_CODE_INVALID, Field: "watch.conversations", Detail: "name each conversation as it came in an event"})
			return
		}
	}
	for conversation, w := range s.watched {
		if !slices.Contains(wanted, conversation) {
			s.unwatch(conversation, w)
		}
	}
	slices.SortFunc(s.out.Unsubscribe, Subscription.compare)
	if s.watched == nil {
		s.watched = make(map[string]*watching)
	}
	for _, conversation := range wanted {
		w := s.watched[conversation]
		if w == nil {
			w = new(watching)
			s.watched[conversation] = w
		}
		w.re = re
		s.queryMembers(conversation, w)
	}
}

func (s *Session) unwatch(conversation string, w *watching) {
	for member := range w.members {
		s.unfollow(conversation, member)
	}
	delete(s.watched, conversation)
}

// follow subscribes a member's presence, and in a group its marks (those of a direct conversation come by the inbox).
func (s *Session) follow(conversation, member string) {
	s.hold(Subscription{AccountEvents, member})
	if name.IsGroup(conversation) {
		s.hold(Subscription{BookmarkEvents, name.Bookmark(member, conversation)})
	}
}

func (s *Session) unfollow(conversation, member string) {
	s.release(Subscription{AccountEvents, member})
	if name.IsGroup(conversation) {
		s.release(Subscription{BookmarkEvents, name.Bookmark(member, conversation)})
	}
}

// queryMembers queries the members of a watched conversation; one query at a time for each.
func (s *Session) queryMembers(conversation string, w *watching) {
	if w.asking {
		w.again = true
		return
	}
	w.asking = true
	s.ask(&pb.MembersQuery{User: s.user, Conversation: conversation}, false, func(now int64, a Answered) {
		if s.watched[conversation] == w {
			w.asking = false
			s.membersAnswered(now, conversation, w, a)
		}
	})
}

func (s *Session) membersAnswered(now int64, conversation string, w *watching, a Answered) {
	re := w.re
	w.re = 0
	answer, ok := a.Answer.(*pb.MembersAnswer)
	switch {
	case !ok:
		if re != 0 {
			s.unavailable(re)
		}
		if w.members == nil {
			s.unwatch(conversation, w)
		}
		return
	case !answer.GetFound():
		s.unwatch(conversation, w)
		if re != 0 {
			s.notFound(re, "watch.conversations")
		}
		return
	}
	s.setMember(now, conversation)
	s.attend(conversation, w, answer, now)
	s.emit(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Members{Members: translate.Members(now, conversation, answer, a.Open)}})
	if w.again {
		w.again = false
		s.queryMembers(conversation, w)
	}
}

// attend follows the members that the views returned, and nobody else.
func (s *Session) attend(conversation string, w *watching, answer *pb.MembersAnswer, now int64) {
	members := make(map[string]*attendance)
	for _, m := range answer.GetMembers() {
		user := m.GetMember().GetUser()
		if user == s.user {
			continue
		}
		members[user] = &attendance{untilMS: m.GetPresentUntilMs(), lastSeenMS: m.GetLastSeenMs(), online: m.GetPresentUntilMs() > now}
		if w.members[user] == nil {
			s.follow(conversation, user)
		}
	}
	for user := range w.members {
		if members[user] == nil {
			s.unfollow(conversation, user)
		}
	}
	slices.SortFunc(s.out.Subscribe, Subscription.compare)
	slices.SortFunc(s.out.Unsubscribe, Subscription.compare)
	w.members = members
}

// watchSubscribed queries again once the subscription began: what happened in between was not pushed.
func (s *Session) watchSubscribed(sub Subscription) {
	if sub.Topic != AccountEvents {
		return
	}
	for _, conversation := range s.watchedSorted() {
		if w := s.watched[conversation]; w != nil && w.members[sub.Key] != nil {
			s.queryMembers(conversation, w)
		}
	}
}

// membersChanged queries again when the members of a watched conversation changed; a user who left watches no longer.
func (s *Session) membersChanged(event *pb.Event) {
	gone := ""
	switch word := event.GetWord().(type) {
	case *pb.Event_Left:
		gone = word.Left.GetUser()
	case *pb.Event_Removed:
		gone = word.Removed.GetUser()
	case *pb.Event_Joined, *pb.Event_RoleChanged:
	default:
		return
	}
	delete(s.typing, event.GetConversation())
	w := s.watched[event.GetConversation()]
	if w == nil {
		return
	}
	if gone == s.user {
		s.unwatch(event.GetConversation(), w)
		slices.SortFunc(s.out.Unsubscribe, Subscription.compare)
		return
	}
	s.queryMembers(event.GetConversation(), w)
}

// marksRaised sends a member's marks.
func (s *Session) marksRaised(key string, event *pb.BookmarkEvent) {
	user, conversation, ok := name.SplitBookmark(key)
	raised := event.GetMarksRaised()
	if !ok || raised == nil || s.watched[conversation] == nil || s.watched[conversation].members[user] == nil {
		return
	}
	s.emit(&pb.ServerFrame{Word: &pb.ServerFrame_Receipt{Receipt: &pb.Receipt{Conversation: conversation, User: user, Marks: raised.GetMarks()}}})
}

// presenceChanged sends that a member came or went; a renewed lease changes nothing.
func (s *Session) presenceChanged(now int64, user string, event *pb.AccountEvent) {
	changed := event.GetPresenceChanged()
	if changed == nil {
		return
	}
	s.attendances(user, func(a *attendance) bool {
		a.untilMS, a.lastSeenMS = changed.GetUntilMs(), max(a.lastSeenMS, changed.GetLastSeenMs())
		return s.attended(now, a)
	})
}

// attended reports whether somebody came or went.
func (s *Session) attended(now int64, a *attendance) bool {
	if online := a.untilMS > now; online != a.online {
		a.online = online
		return true
	}
	return false
}

// attendances changes what is known of a user in every watched conversation, and informs the client once.
func (s *Session) attendances(user string, change func(*attendance) bool) {
	var news *attendance
	for _, w := range s.watched {
		if a := w.members[user]; a != nil && change(a) {
			news = a
		}
	}
	if news != nil {
		s.emit(&pb.ServerFrame{Word: &pb.ServerFrame_Presence{Presence: &pb.Presence{User: user, Online: news.online, LastSeenMs: news.lastSeenMS}}})
	}
}

// tickWatched notices leases that expired.
func (s *Session) tickWatched(now int64) {
	var out []string
	for _, w := range s.watched {
		for user, a := range w.members {
			if a.online && now >= a.untilMS {
				out = append(out, user)
			}
		}
	}
	slices.Sort(out)
	for _, user := range slices.Compact(out) {
		s.attendances(user, func(a *attendance) bool { return s.attended(now, a) })
	}
}

func (s *Session) watchedDue() int64 {
	var at int64
	for _, w := range s.watched {
		for _, a := range w.members {
			if a.online && (at == 0 || a.untilMS < at) {
				at = a.untilMS
			}
		}
	}
	return at
}

func (s *Session) watchedSorted() []string {
	out := make([]string, 0, len(s.watched))
	for conversation := range s.watched {
		out = append(out, conversation)
	}
	slices.Sort(out)
	return out
}

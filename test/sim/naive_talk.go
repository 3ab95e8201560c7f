// The naive model of a conversation: who is in it, who may do what, what is said to whom.

package sim

import (
	"fmt"
	"maps"
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// naiveTalk is a conversation as people think of it.
type naiveTalk struct {
	n           *naive
	name        string
	exists      bool
	seq, number uint64
	role        map[string]int    // 1 member, 2 admin, 3 owner
	since       map[string]uint64 // seq at which somebody came
	invited     map[string]bool
	asked       map[string]*pb.Origin
	inviting    map[string]bool // of those who are asked: to be invited, not to be made members
	blocked     map[string]bool
}

func (n *naive) talk(key string) *naiveTalk {
	if n.talks[key] == nil {
		n.talks[key] = &naiveTalk{
			n: n, name: key, role: map[string]int{}, since: map[string]uint64{}, invited: map[string]bool{},
			asked: map[string]*pb.Origin{}, inviting: map[string]bool{}, blocked: map[string]bool{},
		}
	}
	return n.talks[key]
}

// conversation runs the model over what was asked of conversations, and holds it against what they said.
func (n *naive) conversation() {
	n.once("conversation.commands", func(e *entry) {
		var c pb.ConversationCommand
		if e.Key == "" || len(e.Value) == 0 || c.UnmarshalVT(e.Value) != nil || !name.ValidConversation(e.Key) {
			return
		}
		t := n.talk(e.Key)
		switch word := c.Word.(type) {
		case *pb.ConversationCommand_Request:
			if !t.request(c.Origin.User, word.Request, c.Origin) {
				t.refuse(c.Origin)
			}
		case *pb.ConversationCommand_AnswerJoin:
			user := word.AnswerJoin.User
			n.due[fmt.Sprintf("%s answers %s: %v", user, t.name, word.AnswerJoin.Allowed)]--
			if origin := t.asked[user]; origin != nil {
				delete(t.asked, user)
				if !t.answer(user, word.AnswerJoin.Allowed, origin) {
					t.refuse(origin)
				}
			}
		case *pb.ConversationCommand_SetBlock:
			n.due[fmt.Sprintf("%s blocks in %s: %v", word.SetBlock.User, t.name, word.SetBlock.Blocked)]--
			t.blocked[word.SetBlock.User] = word.SetBlock.Blocked
		}
	})
	n.once("conversation.events", func(e *entry) {
		var event pb.ConversationEvent
		if event.UnmarshalVT(e.Value) == nil {
			n.due[spoken(e.Key, event.Seq, event.Number, wordOf(&event), event.Origin)]--
		}
	})
}

func spoken(conversation string, seq, number uint64, word string, origin *pb.Origin) string {
	op := "the house"
	if origin.GetClientSeq() > 0 {
		op = opOf(origin)
	}
	return fmt.Sprintf("%s says #%d (%d messages) %s for %s", conversation, seq, number, word, op)
}

// wordOf is what an event says, in the model's words.
func wordOf(e *pb.ConversationEvent) string {
	switch word := e.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		return "created"
	case *pb.ConversationEvent_MemberInvited:
		return "invited " + word.MemberInvited.User
	case *pb.ConversationEvent_MemberJoined:
		return "joined " + word.MemberJoined.Member.User
	case *pb.ConversationEvent_MemberLeft:
		return "left " + word.MemberLeft.User + " to " + word.MemberLeft.NewOwner
	case *pb.ConversationEvent_MemberRemoved:
		return "removed " + word.MemberRemoved.User
	case *pb.ConversationEvent_ConversationRenamed:
		return "renamed"
	case *pb.ConversationEvent_RoleChanged:
		return fmt.Sprintf("role %s %d", word.RoleChanged.User, word.RoleChanged.Role)
	case *pb.ConversationEvent_MessageSent:
		return fmt.Sprintf("message %s re %d", canary(word.MessageSent.Body), word.MessageSent.ReplyTo)
	}
	return "?"
}

// say is told to the members and to whom it is about.
func (t *naiveTalk) say(word string, origin *pb.Origin, about ...string) {
	t.seq++
	t.n.due[spoken(t.name, t.seq, t.number, word, origin)]++
	users := append(slices.Collect(maps.Keys(t.role)), about...)
	slices.Sort(users)
	for _, user := range slices.Compact(users) {
		t.n.due[fmt.Sprintf("%s is told %s#%d", user, t.name, t.seq)] += t.n.times()
		at := lineKey{user, t.name}
		t.n.heard[at] = append(t.n.heard[at], t.seq)
	}
}

// times is how often the variant of the house tells an inbox.
func (n *naive) times() int {
	if n.w.broken(NoIndexInCheck) {
		return 2
	}
	return 1
}

func (t *naiveTalk) refuse(origin *pb.Origin) {
	if origin.GetClientSeq() > 0 {
		t.n.due[fmt.Sprintf("%s is told %s was refused", origin.User, opOf(origin))] += t.n.times()
	}
}

// request reports whether the request was granted, or waits for an answer.
func (t *naiveTalk) request(me string, r *pb.ConversationRequest, origin *pb.Origin) bool {
	switch word := r.Word.(type) {
	case *pb.ConversationRequest_CreateGroup:
		return t.create(me, word.CreateGroup.Members, origin)
	case *pb.ConversationRequest_OpenDirect:
		peer := word.OpenDirect.Peer
		if peer == me || name.Direct(me, peer) != t.name || t.exists || len(t.asked) > 0 {
			return false
		}
		t.asked[peer] = origin
		return true
	case *pb.ConversationRequest_AcceptInvitation:
		if t.role[me] > 0 || !t.invited[me] || len(t.role) >= fanOut {
			return false
		}
		t.join(me, origin)
		return true
	}
	if t.role[me] == 0 {
		return false
	}
	if word := r.GetSendMessage(); word != nil {
		for _, blocked := range t.blocked {
			if blocked {
				return false
			}
		}
		if word.ReplyTo > t.number {
			return false
		}
		t.number++
		t.say(fmt.Sprintf("message %s re %d", canary(word.Body), word.ReplyTo), origin)
		return true
	}
	return name.IsGroup(t.name) && t.memberRequest(me, r, origin)
}

func (t *naiveTalk) create(me string, others []string, origin *pb.Origin) bool {
	if !name.IsGroup(t.name) || t.exists {
		return false
	}
	t.exists = true
	t.role[me], t.since[me] = 3, t.seq+1
	t.say("created", origin)
	for _, other := range others {
		if other != me {
			t.asked[other] = &pb.Origin{User: me}
		}
	}
	return true
}

func (t *naiveTalk) memberRequest(me string, r *pb.ConversationRequest, origin *pb.Origin) bool {
	leads := t.role[me] >= 2
	switch word := r.Word.(type) {
	case *pb.ConversationRequest_AddMember:
		other := word.AddMember.User
		if !leads || t.role[other] > 0 || t.asked[other] != nil || len(t.role)+len(t.asked)-len(t.inviting) >= fanOut {
			return false
		}
		t.asked[other] = origin
	case *pb.ConversationRequest_InviteMember:
		other := word.InviteMember.User
		if !leads || t.role[other] > 0 || t.asked[other] != nil || t.invited[other] {
			return false
		}
		t.asked[other], t.inviting[other] = origin, true
	case *pb.ConversationRequest_RemoveMember:
		other := word.RemoveMember.User
		if !leads || other == me || t.role[other] == 0 || t.role[me] < 3 && t.role[other] > 1 {
			return false
		}
		t.say("removed "+other, origin, other)
		t.drop(other)
	case *pb.ConversationRequest_LeaveConversation:
		t.leave(me, origin)
	case *pb.ConversationRequest_RenameConversation:
		if !leads {
			return false
		}
		t.say("renamed", origin)
	case *pb.ConversationRequest_ChangeRole:
		other, role := word.ChangeRole.User, int(word.ChangeRole.Role)
		if t.role[me] < 3 || t.role[other] == 0 || t.role[other] == role || other == me {
			return false
		}
		t.say(fmt.Sprintf("role %s %d", other, role), origin)
		if t.role[other] = role; role == 3 {
			t.role[me] = 2
		}
	}
	return true
}

func (t *naiveTalk) leave(me string, origin *pb.Origin) {
	heir := ""
	if t.role[me] == 3 {
		for _, other := range slices.Sorted(maps.Keys(t.role)) {
			if other == me {
				continue
			}
			older := heir != "" && t.role[other] == t.role[heir] && t.since[other] < t.since[heir]
			if heir == "" || t.role[other] > t.role[heir] || older {
				heir = other
			}
		}
	}
	t.say("left "+me+" to "+heir, origin)
	if heir != "" {
		t.role[heir] = 3
	}
	t.drop(me)
}

func (t *naiveTalk) drop(user string) {
	delete(t.role, user)
	if len(t.role) == 0 {
		clear(t.invited)
	}
}

func (t *naiveTalk) join(user string, origin *pb.Origin) {
	t.say("joined "+user, origin, user)
	t.role[user], t.since[user] = 1, t.seq
	delete(t.invited, user)
}

// answer reports whether somebody who was asked became a member, or was invited.
func (t *naiveTalk) answer(user string, allowed bool, origin *pb.Origin) bool {
	inviting := t.inviting[user]
	delete(t.inviting, user)
	switch {
	case !allowed:
		return false
	case !name.IsGroup(t.name):
		t.exists = true
		t.role[user], t.role[origin.User] = 1, 1
		t.say("created", origin)
		return true
	case t.role[origin.User] < 2:
		return false
	case inviting:
		t.say("invited "+user, origin, user)
		t.invited[user] = true
		return true
	case t.role[user] > 0 || len(t.role) >= fanOut:
		return false
	}
	t.join(user, origin)
	return true
}

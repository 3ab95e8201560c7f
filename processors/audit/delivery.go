// Deliveries: each event of a conversation reaches the members after it and the people it is about, each once, in the
// order of seq, and nobody else.

package audit

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// delivery is what one person is to hear of one conversation. Either side may be read first.
type delivery struct {
	last    uint64 // seq of the last event that was both said and heard
	heard   bool   // what waits was heard, and not yet said; else the other way round
	waiting runs   // seqs
}

func unpackDelivery(b []byte) *delivery {
	d := &delivery{}
	if n := unpack(b); len(n) >= 2 {
		d.last, d.heard, d.waiting = n[0], n[1] == 1, runsOf(n[2:])
	}
	return d
}

func (d *delivery) pack() []byte {
	side := uint64(0)
	if d.heard {
		side = 1
	}
	return pack(append([]uint64{d.last, side}, d.waiting.numbers()...)...)
}

// owe notes whom an event of a conversation must reach.
func (a *Auditor) owe(conversation string, e *pb.ConversationEvent) {
	key := nameKey(kindMembers, conversation)
	var members []string
	if known := string(a.memory.Get(key)); known != "" {
		members = strings.Split(known, "\n")
	}
	members, about := after(members, e)
	a.memory.Set(key, []byte(strings.Join(members, "\n")))
	audience := append(slices.Clone(members), about...)
	slices.Sort(audience)
	for _, user := range slices.Compact(audience) {
		a.meet(user, conversation, e, false)
	}
}

// after is who is in a conversation after an event, sorted, and whom else the event is about.
func after(members []string, e *pb.ConversationEvent) (now, about []string) {
	switch word := e.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		for _, m := range word.ConversationCreated.Members {
			members = append(members, m.User)
		}
	case *pb.ConversationEvent_MemberInvited:
		about = []string{word.MemberInvited.User}
	case *pb.ConversationEvent_InvitationDeclined:
		about = []string{word.InvitationDeclined.User}
	case *pb.ConversationEvent_MemberJoined:
		members = append(members, word.MemberJoined.Member.GetUser())
	case *pb.ConversationEvent_MemberLeft:
		about = []string{word.MemberLeft.User}
	case *pb.ConversationEvent_MemberRemoved:
		about = []string{word.MemberRemoved.User}
	}
	left := e.GetMemberLeft() != nil || e.GetMemberRemoved() != nil
	members = slices.DeleteFunc(members, func(user string) bool { return left && user == about[0] })
	slices.Sort(members)
	return slices.Compact(members), about
}

// meet brings what is said and what is heard together. Either side may be gone with the beginning of its topic; who was in
// a conversation whose first events are gone is not known.
func (a *Auditor) meet(user, conversation string, e *pb.ConversationEvent, heard bool) {
	if a.begun(a.placeOf(a.talks, conversation)) || a.mayBeGone(a.placeOf(a.inboxes, user), e.GetTimeMs()) {
		if heard {
			a.unproved(unprovedDelivery)
		}
		return
	}
	seq := e.GetSeq()
	key, owed := nameKey(kindDelivery, user, conversation), nameKey(kindOwed, user, conversation)
	d := unpackDelivery(a.memory.Get(key))
	if seq <= d.last {
		a.misdelivered(user, conversation, seq, true)
		return
	}
	if d.heard == heard && seq <= d.waiting.last() {
		a.misdelivered(user, conversation, seq, heard)
		return
	}
	for len(d.waiting) > 0 && d.heard != heard && d.waiting[0].from < seq {
		first := d.waiting[0].from
		a.misdelivered(user, conversation, first, d.heard)
		d.waiting = d.waiting.above(first)
	}
	switch {
	case len(d.waiting) == 0 || d.heard == heard:
		d.waiting, d.heard = d.waiting.with(seq), heard
	case d.waiting[0].from == seq:
		d.last, d.waiting = seq, d.waiting.above(seq)
	default:
		a.misdelivered(user, conversation, seq, heard)
	}
	a.memory.Set(key, d.pack())
	if len(d.waiting) > 0 {
		a.memory.Set(owed, nil)
	} else {
		a.memory.Delete(owed)
	}
}

func (a *Auditor) misdelivered(user, conversation string, seq uint64, heard bool) {
	says := "did not reach"
	if heard {
		says = "should not have reached, or not once more,"
	}
	a.violate(Violation{Law: Delivered, Offset: -1, Key: user,
		Says: fmt.Sprintf("event %d of %s %s the inbox of %s", seq, conversation, says, user)})
}

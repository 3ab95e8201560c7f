// Deliveries: each event of a conversation reaches its audience, each person once, in the order of seq, and nobody else.

package audit

import (
	"fmt"
	"strings"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// delivery is what one person is to be told of one conversation. Either side may be read first.
type delivery struct {
	last      uint64 // seq of the last event that was both emitted and delivered
	delivered bool   // what waits was delivered, and its event not read yet; else the other way round
	waiting   runs   // seqs
}

func unpackDelivery(b []byte) *delivery {
	d := &delivery{}
	if n := unpack(b); len(n) >= 2 {
		d.last, d.delivered, d.waiting = n[0], n[1] == 1, runsOf(n[2:])
	}
	return d
}

func (d *delivery) pack() []byte {
	side := uint64(0)
	if d.delivered {
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
	does := effect.Of(e)
	members = does.Members(members)
	a.memory.Set(key, []byte(strings.Join(members, "\n")))
	for _, user := range does.Audience(members) {
		a.meet(user, conversation, e, false)
	}
}

// meet matches an event with its delivery. Either side may be gone with the beginning of its topic; who was in
// a conversation whose first events are gone is not known.
func (a *Auditor) meet(user, conversation string, e *pb.ConversationEvent, delivered bool) {
	if a.begun(a.placeOf(a.talks, conversation)) || a.mayBeGone(a.placeOf(a.inboxes, user), e.GetTimeMs()) {
		if delivered {
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
	if d.delivered == delivered && seq <= d.waiting.last() {
		a.misdelivered(user, conversation, seq, delivered)
		return
	}
	for len(d.waiting) > 0 && d.delivered != delivered && d.waiting[0].from < seq {
		first := d.waiting[0].from
		a.misdelivered(user, conversation, first, d.delivered)
		d.waiting = d.waiting.above(first)
	}
	switch {
	case len(d.waiting) == 0 || d.delivered == delivered:
		d.waiting, d.delivered = d.waiting.with(seq), delivered
	case d.waiting[0].from == seq:
		d.last, d.waiting = seq, d.waiting.above(seq)
	default:
		a.misdelivered(user, conversation, seq, delivered)
	}
	a.memory.Set(key, d.pack())
	if len(d.waiting) > 0 {
		a.memory.Set(owed, nil)
	} else {
		a.memory.Delete(owed)
	}
}

func (a *Auditor) misdelivered(user, conversation string, seq uint64, delivered bool) {
	says := "did not reach"
	if delivered {
		says = "should not have reached, or not once more,"
	}
	a.violate(Violation{Law: Delivered, Offset: -1, Key: user,
		Says: fmt.Sprintf("event %d of %s %s the inbox of %s", seq, conversation, says, user)})
}

// What is checked within one conversation: nothing is lost, late, twice, out of order, invented, before its cause, or
// shown to somebody who may not hear it.

package check

import (
	"maps"
	"slices"
)

// conversationKey is whose conversation an event is of.
func conversationKey(e *Event) string {
	switch e.Kind {
	case Invoke, Return, Show, Final, Hear:
		return e.Conversation
	}
	return ""
}

// conversation is what is known of one while its events are checked.
type conversation struct {
	c    *Checker
	name string

	ops    map[string]*operation
	at     map[uint64]string   // seq -> operation
	number map[uint64]uint64   // number -> seq
	spans  map[string][]span   // user -> what that user may hear
	shown  map[userSeq]int64   // when a user was first shown a seq
	finals map[deviceSeq]bool  // what stands in final reads
	seen   map[string]struct{} // session and operation
	last   map[string]uint64   // session -> seq
	seqs   map[uint64]bool     // accepted, or shown to anybody
}

type operation struct {
	asked, answered bool
	outcome         Outcome
	seq, seen       uint64
	acceptedMs      int64
}

type span struct{ from, until uint64 }

type userSeq struct {
	user string
	seq  uint64
}

type deviceSeq struct {
	device string
	seq    uint64
}

// conversations checks every conversation among the events.
func (c *Checker) conversations(events []Event) {
	keys, groups := grouped(events, conversationKey)
	for _, key := range keys {
		v := &conversation{
			c: c, name: key, ops: map[string]*operation{}, at: map[uint64]string{}, number: map[uint64]uint64{},
			spans: map[string][]span{}, shown: map[userSeq]int64{}, finals: map[deviceSeq]bool{}, seen: map[string]struct{}{},
			last: map[string]uint64{}, seqs: map[uint64]bool{},
		}
		for _, i := range groups[key] {
			v.know(&events[i])
		}
		for _, i := range groups[key] {
			if e := &events[i]; e.Kind == Show || e.Kind == Final {
				v.check(e)
			}
		}
		v.lost()
		v.causes()
	}
}

// know takes down what does not depend on the order of events.
func (v *conversation) know(e *Event) {
	switch e.Kind {
	case Invoke:
		op := v.operation(e.Op)
		op.asked, op.seen = true, max(op.seen, e.Seen)
	case Return:
		v.answer(e)
	case Hear:
		until := e.Until
		if until == 0 {
			until = ^uint64(0)
		}
		v.spans[e.User] = append(v.spans[e.User], span{e.Seq, until})
	case Show, Final:
		v.place(e.Op, e.Seq)
		if e.Number > 0 {
			if had, ok := v.number[e.Number]; ok && had != e.Seq {
				v.c.find(Order, "number %d of %s stands at seq %d and at seq %d", e.Number, v.name, had, e.Seq)
			}
			v.number[e.Number] = e.Seq
		}
	}
}

func (v *conversation) operation(id string) *operation {
	if v.ops[id] == nil {
		v.ops[id] = &operation{}
	}
	return v.ops[id]
}

// answer holds an outcome against an earlier one.
func (v *conversation) answer(e *Event) {
	op := v.operation(e.Op)
	switch {
	case e.Outcome == Info:
		return
	case op.answered && (op.outcome != e.Outcome || op.seq != e.Seq):
		v.c.find(Duplicate, "%s was answered %s at %d and %s at %d", e.Op, outcomeNames[op.outcome], op.seq, outcomeNames[e.Outcome], e.Seq)
		return
	}
	if !op.answered {
		op.acceptedMs = e.AtMs
	}
	op.answered, op.outcome, op.seq = true, e.Outcome, e.Seq
	if e.Outcome == OK {
		v.place(e.Op, e.Seq)
	}
}

// place notes that an operation stands at a seq.
func (v *conversation) place(op string, seq uint64) {
	v.seqs[seq] = true
	if op == Unknown {
		return
	}
	had, ok := v.at[seq]
	if ok && had != op {
		v.c.find(Order, "seq %d of %s is %q and %q", seq, v.name, had, op)
	}
	v.at[seq] = op
	if op == "" {
		return
	}
	o := v.operation(op)
	if o.seq != 0 && o.seq != seq {
		v.c.find(Duplicate, "%s stands at seq %d and %d of %s", op, o.seq, seq, v.name)
	}
	o.seq = seq
}

// check takes what a device shows, in its order.
func (v *conversation) check(e *Event) {
	op := v.ops[e.Op]
	switch {
	case e.Op == "" || e.Op == Unknown:
	case !op.asked:
		v.c.find(Phantom, "%s shows %s at seq %d of %s, which nobody asked", e.Device, e.Op, e.Seq, v.name)
	case op.answered && op.outcome == Fail:
		v.c.find(Phantom, "%s shows %s at seq %d of %s, which was refused", e.Device, e.Op, e.Seq, v.name)
	}
	if !v.hears(e.User, e.Seq) {
		v.c.find(Leak, "%s shows seq %d of %s, which %s may not hear", e.Device, e.Seq, v.name, e.User)
	}
	if e.Canary != "" && e.Canary != v.name {
		v.c.find(Leak, "%s shows a body of %s in %s", e.Device, e.Canary, v.name)
	}
	at := userSeq{e.User, e.Seq}
	if first, ok := v.shown[at]; !ok || e.AtMs < first {
		v.shown[at] = e.AtMs
	}
	if e.Kind == Final {
		v.finals[deviceSeq{e.Device, e.Seq}] = true
		return
	}
	if _, twice := v.seen[e.Session+"\x00"+e.Op]; twice && e.Op != "" && e.Op != Unknown {
		v.c.find(Duplicate, "%s shows %s of %s twice", e.Session, e.Op, v.name)
	}
	v.seen[e.Session+"\x00"+e.Op] = struct{}{}
	if last := v.last[e.Session]; e.Seq <= last {
		v.c.find(Order, "%s shows seq %d of %s after %d", e.Session, e.Seq, v.name, last)
	}
	v.last[e.Session] = e.Seq
	v.reply(e)
}

// reply is checked by device: what an earlier session showed is known.
func (v *conversation) reply(e *Event) {
	if e.Number > 0 {
		v.seen[e.Device+"\x01"+digits(e.Number)] = struct{}{}
	}
	answered, known := v.number[e.ReplyTo]
	if e.ReplyTo == 0 || known && !v.hears(e.User, answered) {
		return
	}
	if _, shown := v.seen[e.Device+"\x01"+digits(e.ReplyTo)]; !shown && known {
		v.c.find(Causality, "%s shows the answer at seq %d of %s before number %d", e.Device, e.Seq, v.name, e.ReplyTo)
	}
}

func digits(n uint64) string {
	return string([]byte{byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func (v *conversation) hears(user string, seq uint64) bool {
	for _, s := range v.spans[user] {
		if s.from <= seq && seq <= s.until {
			return true
		}
	}
	return false
}

// lost holds every seq that is known against the final reads of those who may hear it.
func (v *conversation) lost() {
	users := slices.Sorted(maps.Keys(v.spans))
	for _, seq := range slices.Sorted(maps.Keys(v.seqs)) {
		op := v.ops[v.at[seq]]
		for _, user := range users {
			if !v.hears(user, seq) {
				continue
			}
			for _, o := range v.c.observers[user] {
				if !v.finals[deviceSeq{o.device, seq}] {
					v.c.find(Lost, "seq %d of %s (%s) is missing from the final read of %s", seq, v.name, v.at[seq], o.device)
				}
			}
			first, shown := v.shown[userSeq{user, seq}]
			due := v.c.healMs + v.c.limits.DeadlineMs
			if v.c.healMs > 0 && shown && op != nil && op.outcome == OK && op.acceptedMs < v.c.healMs && first > due {
				v.c.find(Late, "seq %d of %s is first shown to %s %d ms behind the heal", seq, v.name, user, first-v.c.healMs)
			}
		}
	}
}

// causes holds every operation against what its sender had seen before.
func (v *conversation) causes() {
	for _, id := range slices.Sorted(maps.Keys(v.ops)) {
		if op := v.ops[id]; op.seq != 0 && op.outcome != Fail && op.seen >= op.seq {
			v.c.find(Causality, "%s stands at seq %d of %s, but was said after seq %d was seen", id, op.seq, v.name, op.seen)
		}
	}
}

// What is checked within one person: the inbox has no gaps, marks do not fall, unread is what it says.

package check

import (
	"maps"
	"slices"
	"strings"
)

// personKey is whose event it is, for what is checked within a person.
func personKey(e *Event) string {
	switch e.Kind {
	case Show, Resync, Final, Mark, MarkShow, MarkFinal, Unread:
		return e.User
	case Invoke, Return:
		if e.Conversation == "" { // of the account: no conversation checks it
			return e.User
		}
	}
	return ""
}

// person is what is known of one while its events are checked.
type person struct {
	c    *Checker
	name string

	last     map[string]uint64      // session -> inbox_seq
	accepted map[string]uint64      // conversation -> highest accepted read mark
	marks    map[[2]string]uint64   // session, conversation -> read mark
	others   map[[2]string][]uint64 // device, conversation -> numbers of the others' messages
	answers  map[string]Outcome
}

// people checks every person among the events.
func (c *Checker) people(events []Event) {
	keys, groups := grouped(events, personKey)
	for _, key := range keys {
		p := &person{
			c: c, name: key, last: map[string]uint64{}, accepted: map[string]uint64{},
			marks: map[[2]string]uint64{}, others: map[[2]string][]uint64{}, answers: map[string]Outcome{},
		}
		for _, i := range groups[key] {
			p.check(&events[i])
		}
		for _, i := range groups[key] {
			p.end(&events[i])
		}
		c.wholeness(key, events, groups[key])
		c.whole[key] = struct{}{}
	}
}

// strangers checks final reads of people of whom there is nothing else.
func (c *Checker) strangers() {
	for _, user := range slices.Sorted(maps.Keys(c.observers)) {
		if _, done := c.whole[user]; !done {
			c.wholeness(user, nil, nil)
		}
	}
}

// check takes events in their order.
func (p *person) check(e *Event) {
	switch e.Kind {
	case Show:
		if e.InboxSeq == 0 {
			return
		}
		if last, ok := p.last[e.Session]; ok && e.InboxSeq != last+1 {
			p.c.find(Gap, "%s jumps from inbox_seq %d to %d", e.Session, last, e.InboxSeq)
		}
		p.last[e.Session] = e.InboxSeq
	case Resync:
		p.last[e.Session] = e.InboxSeq
	case Final:
		if e.Number > 0 && !strings.HasPrefix(e.Op, e.User+"/") {
			at := [2]string{e.Device, e.Conversation}
			p.others[at] = append(p.others[at], e.Number)
		}
	case Mark:
		p.accepted[e.Conversation] = max(p.accepted[e.Conversation], e.Number)
	case MarkShow:
		at := [2]string{e.Session, e.Conversation}
		if e.Number < p.marks[at] {
			p.c.find(Regression, "%s shows the read mark of %s fall from %d to %d", e.Session, e.Conversation, p.marks[at], e.Number)
		}
		p.marks[at] = e.Number
	case Return:
		if had, ok := p.answers[e.Op]; ok && e.Outcome != Info && had != e.Outcome {
			p.c.find(Duplicate, "%s was answered %s and %s", e.Op, outcomeNames[had], outcomeNames[e.Outcome])
		}
		if e.Outcome != Info {
			p.answers[e.Op] = e.Outcome
		}
	}
}

// end checks what needs everything else to be known.
func (p *person) end(e *Event) {
	switch e.Kind {
	case MarkFinal:
		if want := p.accepted[e.Conversation]; e.Number != want {
			p.c.find(Regression, "the read mark of %s in %s ends as %d, the highest accepted is %d", e.User, e.Conversation, e.Number, want)
		}
	case Unread:
		want := uint64(0)
		for _, n := range p.others[[2]string{e.Device, e.Conversation}] {
			if e.Seen < n && n <= e.Number {
				want++
			}
		}
		if e.Count != want {
			p.c.find(Drift, "%s says %d unread in %s, but %d others' messages stand in (%d, %d]", e.Device, e.Count, e.Conversation, want, e.Seen, e.Number)
		}
	}
}

// wholeness holds the final reads of a person against floor+1..head.
func (c *Checker) wholeness(user string, events []Event, of []int32) {
	inbox := map[string]map[uint64]bool{}
	for _, i := range of {
		e := &events[i]
		if e.Kind != Final || e.InboxSeq == 0 {
			continue
		}
		if inbox[e.Device] == nil {
			inbox[e.Device] = map[uint64]bool{}
		}
		if inbox[e.Device][e.InboxSeq] {
			c.find(Duplicate, "the final read of %s has inbox_seq %d twice", e.Device, e.InboxSeq)
		}
		inbox[e.Device][e.InboxSeq] = true
	}
	for _, o := range c.observers[user] {
		items := inbox[o.device]
		missing, first := uint64(0), uint64(0)
		for n := o.floor + 1; n <= o.head; n++ {
			if !items[n] {
				if missing++; missing == 1 {
					first = n
				}
			}
		}
		if missing > 0 {
			c.find(Gap, "the final read of %s lacks %d of (%d, %d], first %d", o.device, missing, o.floor, o.head, first)
		}
		for _, n := range slices.Sorted(maps.Keys(items)) {
			if n <= o.floor || n > o.head {
				c.find(Gap, "the final read of %s has inbox_seq %d outside of (%d, %d]", o.device, n, o.floor, o.head)
			}
		}
	}
}

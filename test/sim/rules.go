// Rules that change by record: binaries of several versions run side by side, are rolled out and rolled back, and new rules
// are activated partition by partition, in the middle of everything else.

package sim

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const laterRules = 2 // versions of rules that binaries of the simulation learn beyond the real ones

// ruled is a machine whose binaries learn new rules. No real rules differ yet, so the new ones are made up: under
// them a machine emits its outputs in the opposite order, and its row has the version.
func ruled(m machine) machine {
	fold, known := m.Fold, m.MaxRules
	m.MaxRules = known + laterRules
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		next, out := fold(min(rules, known), row, in)
		if rules <= known || next == nil {
			return next, out
		}
		if rules%2 == known%2 {
			return withRules(next, rules), out
		}
		slices.Reverse(out)
		return withRules(next, rules), out
	}
	return m
}

const fieldRules = 3 // Row.rules

// withRules is the row with another version of the rules.
func withRules(row []byte, rules uint32) []byte {
	for at := 0; at < len(row); {
		number, kind, n := protowire.ConsumeTag(row[at:])
		size := protowire.ConsumeFieldValue(number, kind, row[at+n:])
		if number == fieldRules {
			next := append(make([]byte, 0, len(row)+4), row[:at+n]...)
			return append(protowire.AppendVarint(next, uint64(rules)), row[at+n+size:]...)
		}
		at += n + size
	}
	panic("a row has no version of its rules")
}

// rollout is how far the newest rules have come.
type rollout struct {
	rules uint32
	left  []lineAt // partitions that wait for their activation
}

type lineAt struct {
	topic     string
	partition int32
}

// deploy gives a slot another binary: mostly the next newer one, sometimes the one before.
func (w *World) deploy(s *slot) bool {
	oldest, newest := w.known, w.known+laterRules
	next := min(s.binary+1, newest)
	if w.random.IntN(3) == 0 {
		next = max(s.binary-1, oldest)
	}
	if next == s.binary {
		return false
	}
	w.note("%s-%d gets the binary that knows rules up to %d", s.group.name, s.number, next)
	s.binary = next
	if s.process != nil {
		s.process.crash("another binary")
	}
	return true
}

// activate writes the activation into the next partition that waits for it. New rules are begun when every binary knows
// them, as operators should do; sometimes they do not.
func (w *World) activate() bool {
	r := &w.rollout
	if len(r.left) == 0 {
		if r.rules == 0 {
			r.rules = w.known
		}
		if r.rules == w.known+laterRules || w.random.IntN(8) > 0 && !w.allKnow(r.rules+1) {
			return false
		}
		r.rules++
		for _, g := range w.groups {
			for n := range int32(partitions) {
				r.left = append(r.left, lineAt{g.real.Group.Input, n})
			}
		}
		w.random.Shuffle(len(r.left), func(i, j int) { r.left[i], r.left[j] = r.left[j], r.left[i] })
	}
	at := r.left[0]
	r.left = r.left[1:]
	e := entry{}
	e.Key, e.Value = topology.RulesKey, activation(at.topic, r.rules)
	w.note("rules %d for %s/%d", r.rules, at.topic, at.partition)
	w.append(at.topic, at.partition, e)
	return true
}

func (w *World) allKnow(rules uint32) bool {
	for _, g := range w.groups {
		for _, s := range g.slots {
			if s.binary < rules {
				return false
			}
		}
	}
	return true
}

// activation is the command ActivateRules in the envelope of a topic.
func activation(topic string, rules uint32) []byte {
	word := &pb.ActivateRules{Rules: rules}
	switch topic {
	case "outbox.commands":
		return marshal(&pb.OutboxCommand{Word: &pb.OutboxCommand_ActivateRules{ActivateRules: word}})
	case "conversation.commands":
		return marshal(&pb.ConversationCommand{Word: &pb.ConversationCommand_ActivateRules{ActivateRules: word}})
	case "inbox.commands":
		return marshal(&pb.InboxCommand{Word: &pb.InboxCommand_ActivateRules{ActivateRules: word}})
	case "bookmark.commands":
		return marshal(&pb.BookmarkCommand{Word: &pb.BookmarkCommand_ActivateRules{ActivateRules: word}})
	case "account.commands":
		return marshal(&pb.AccountCommand{Word: &pb.AccountCommand_ActivateRules{ActivateRules: word}})
	}
	panic("the simulator does not know ActivateRules of " + topic)
}

// rulesFor is the version that a process folds an input by; false: it does not know it, and ends.
func (p *process) rulesFor(c *claim, offset int64) (uint32, bool) {
	rules := p.machine.RulesAt(c.rules, offset)
	switch {
	case p.w.broken(NewestRules):
		return p.slot.binary, true
	case rules <= p.slot.binary:
		return rules, true
	case p.w.broken(OldRulesGoOn):
		return p.slot.binary, true
	}
	p.w.faults["unknown rules"]++
	p.crash(fmt.Sprintf("rules %d hold at offset %d, and this binary knows them up to %d", rules, offset, p.slot.binary))
	if p.w.healed || p.w.random.IntN(2) == 0 { // somebody reads the alarm
		p.slot.binary = p.w.known + laterRules
	}
	return 0, false
}

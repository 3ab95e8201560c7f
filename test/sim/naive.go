// The naive model: what conversations and inboxes should be, read from the log by somebody who knows the rules of the
// messenger and nothing of causes, rows or numbers. It shares no code with the machines.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/topology"
)

// naive counts what must be said (up) and what was said (down): everything must come to zero.
type naive struct {
	w        *World
	due      map[string]int
	first    map[string][]*entry // of each topic, without repeats
	accounts map[string]*naiveAccount
	talks    map[string]*naiveTalk
	marks    map[string][2]uint64
	heard    map[lineKey][]uint64 // who was to be told which seq
}

type naiveAccount struct {
	exists   bool
	blocked  map[string]bool
	standing pb.Standing
	presence naivePresence
}

// once calls each for every record of a topic that is not a repeat: of a device's word by its number, of the house's by
// its cause. The first one counts.
func (n *naive) once(topic string, each func(e *entry)) {
	if n.first[topic] == nil {
		n.first[topic] = n.firstOf(topic)
	}
	for _, e := range n.first[topic] {
		each(e)
	}
}

func (n *naive) firstOf(topic string) []*entry {
	var all []*entry
	met := map[string]bool{}
	for _, p := range n.w.log[topic] {
		for _, e := range p.entries {
			if packed := e.Get(topology.HeaderCause); packed != nil && n.w.poisoned[inputAt{e.Topic, e.Partition, e.Offset}] == 0 {
				if met[string(packed)] {
					continue
				}
				met[string(packed)] = true
			}
			all = append(all, e)
		}
	}
	return all
}

// naive runs the model over the log.
func (w *World) naive() {
	n := &naive{
		w: w, due: map[string]int{}, first: map[string][]*entry{}, accounts: map[string]*naiveAccount{}, talks: map[string]*naiveTalk{},
		marks: map[string][2]uint64{}, heard: map[lineKey][]uint64{},
	}
	n.outbox()
	n.account()
	n.presenceSaid()
	n.letters()
	n.conversation()
	n.bookmark()
	n.inbox()
	for _, what := range slices.Sorted(maps.Keys(n.due)) {
		if count := n.due[what]; count > 0 {
			w.damage(check.Lost, what, fmt.Sprintf("%d times too few", count), "as the model says")
		} else if count < 0 {
			w.damage(check.Phantom, what, fmt.Sprintf("%d times too many", -count), "as the model says")
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(n.heard), func(a, b lineKey) int {
		return strings.Compare(a.user+" "+a.conversation, b.user+" "+b.conversation)
	}) {
		for _, seq := range n.heard[at] {
			w.add(check.Event{Kind: check.Hear, User: at.user, Conversation: at.conversation, Seq: seq, Until: seq})
		}
	}
}

// outbox: each device's words count in the order of their numbers, each once.
func (n *naive) outbox() {
	highest, suspended := map[string]uint64{}, map[string]bool{}
	n.once("outbox.commands", func(e *entry) {
		var c pb.OutboxCommand
		if e.Key == "" || len(e.Value) == 0 || c.UnmarshalVT(e.Value) != nil || c.Word == nil {
			return
		}
		if word := c.GetSetStanding(); word != nil {
			n.due[fmt.Sprintf("the outbox of %s is told %v", e.Key, word.Standing)]--
			suspended[e.Key] = word.Standing == pb.Standing_STANDING_SUSPENDED
			return
		}
		op := (&device{user: e.Key, id: c.DeviceId}).op(c.ClientSeq)
		device := e.Key + "/" + c.DeviceId
		switch {
		case c.ClientSeq > highest[device]+1:
			n.due[fmt.Sprintf("%s is told %s expects %d", e.Key, op, highest[device]+1)]++
		case c.ClientSeq <= highest[device]:
		case suspended[e.Key]:
			highest[device]++
			n.due[fmt.Sprintf("%s is told %s was refused", e.Key, op)]++
		default:
			highest[device]++
			n.due["passed on "+op]++
		}
	})
	passed := func(e *entry, err error, origin *pb.Origin) {
		if err == nil && origin != nil && e.Get(topology.HeaderCause) != nil {
			n.due["passed on "+opOf(origin)]--
		}
	}
	n.once("conversation.commands", func(e *entry) {
		var c pb.ConversationCommand
		err := c.UnmarshalVT(e.Value)
		passed(e, err, c.Origin)
	})
	n.once("account.commands", func(e *entry) {
		var c pb.AccountCommand
		err := c.UnmarshalVT(e.Value)
		passed(e, err, c.Origin)
	})
}

func (n *naive) accountOf(user string) *naiveAccount {
	if n.accounts[user] == nil {
		n.accounts[user] = &naiveAccount{blocked: map[string]bool{}, presence: naivePresence{leases: map[string]int64{}}}
	}
	return n.accounts[user]
}

// account: one account a person; who is blocked cannot make somebody a member, and who is suspended becomes none.
func (n *naive) account() {
	n.once("account.commands", func(e *entry) {
		var c pb.AccountCommand
		a := n.accountOf(e.Key)
		if e.Partition == topology.PartitionOf(e.Key, partitions) { // what strays to another partition meets another row
			a.presence.passes(e)
		}
		skipped := n.w.poisoned[inputAt{e.Topic, e.Partition, e.Offset}] != 0
		if skipped || e.Key == "" || len(e.Value) == 0 || c.UnmarshalVT(e.Value) != nil {
			return
		}
		switch word := c.Word.(type) {
		case *pb.AccountCommand_AskJoin:
			allowed := a.exists && !a.blocked[word.AskJoin.By] && a.standing != pb.Standing_STANDING_SUSPENDED
			n.due[fmt.Sprintf("%s answers %s: %v", e.Key, word.AskJoin.Conversation, allowed)]++
		case *pb.AccountCommand_Request:
			n.accountRequest(a, e.Key, opOf(c.Origin), word.Request)
		case *pb.AccountCommand_SetPresence:
			n.present(e.Key, &a.presence, word.SetPresence)
		case *pb.AccountCommand_SetStanding:
			if standing := word.SetStanding.Standing; standing != a.standing {
				a.standing = standing
				n.due[fmt.Sprintf("%s is told of standing %v", e.Key, standing)]++
				n.due[fmt.Sprintf("the outbox of %s is told %v", e.Key, standing)]++
			}
		}
	})
}

func (n *naive) accountRequest(a *naiveAccount, user, op string, r *pb.AccountRequest) {
	done := false
	block := func(other string, blocked bool) {
		if done = other != user && a.blocked[other] != blocked && a.exists; done {
			a.blocked[other] = blocked
			n.due[fmt.Sprintf("%s blocks in %s: %v", user, name.Direct(user, other), blocked)]++
		}
	}
	switch word := r.Word.(type) {
	case *pb.AccountRequest_CreateAccount:
		done = !a.exists
		a.exists = true
	case *pb.AccountRequest_BlockPerson:
		block(word.BlockPerson.User, true)
	case *pb.AccountRequest_UnblockPerson:
		block(word.UnblockPerson.User, false)
	}
	if done {
		n.due[fmt.Sprintf("%s is told of the account by %s", user, op)]++
	} else {
		n.due[fmt.Sprintf("%s is told %s was refused", user, op)]++
	}
}

// bookmark: the highest mark counts.
func (n *naive) bookmark() {
	for _, p := range n.w.log["bookmark.commands"] {
		for _, e := range p.entries {
			var c pb.BookmarkCommand
			user, conversation, ok := name.SplitBookmark(e.Key)
			if !ok || c.UnmarshalVT(e.Value) != nil || c.GetSeen() == nil {
				continue
			}
			had, seen := n.marks[e.Key], c.GetSeen().Marks
			read := max(had[0], seen.GetRead())
			now := [2]uint64{read, max(had[1], seen.GetDelivered(), read)}
			if now == had {
				continue
			}
			n.marks[e.Key] = now
			for _, to := range []string{user, name.Peer(conversation, user)} {
				if to != "" {
					n.due[fmt.Sprintf("%s is told %s read %s: %v", to, user, conversation, now)]++
				}
			}
		}
	}
}

// inbox: everything said is told once; numbers are dense, and each conversation's seqs rise.
func (n *naive) inbox() {
	numbers := map[string]uint64{}
	seqs := map[lineKey]uint64{}
	n.once("inbox.events", func(e *entry) {
		event := e.inboxEvent()
		numbers[e.Key]++
		n.w.damage(check.Gap, fmt.Sprintf("an inbox_seq of %s in the log", e.Key), fmt.Sprint(event.InboxSeq), fmt.Sprint(numbers[e.Key]))
		switch word := event.Word.(type) {
		case *pb.InboxEvent_Conversation:
			at := lineKey{e.Key, word.Conversation.Conversation}
			n.due[fmt.Sprintf("%s is told %s#%d", e.Key, at.conversation, word.Conversation.Event.Seq)]--
			if seq := word.Conversation.Event.Seq; seq > seqs[at] || n.w.broken(NoIndexInCheck) {
				seqs[at] = seq
			} else {
				n.w.damage(check.Order, fmt.Sprintf("what %s is told of %s", e.Key, at.conversation), fmt.Sprintf("%d after %d", seq, seqs[at]), "rising")
			}
		case *pb.InboxEvent_Account:
			if standing := word.Account.Event.GetStandingChanged(); standing != nil {
				n.due[fmt.Sprintf("%s is told of standing %v", e.Key, standing.Standing)]--
				break
			}
			n.due[fmt.Sprintf("%s is told of the account by %s", e.Key, opOf(word.Account.Event.Origin))]--
		case *pb.InboxEvent_Receipt:
			r := word.Receipt
			now := [2]uint64{r.Marks.GetRead(), r.Marks.GetDelivered()}
			n.due[fmt.Sprintf("%s is told %s read %s: %v", e.Key, r.User, r.Conversation, now)]--
		case *pb.InboxEvent_Refused:
			r := word.Refused
			if r.Reason == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
				n.due[fmt.Sprintf("%s is told %s expects %d", e.Key, opOf(r.Origin), r.ExpectedClientSeq)]--
			} else {
				n.due[fmt.Sprintf("%s is told %s was refused", e.Key, opOf(r.Origin))]--
			}
		}
	})
}

// The rooms as the hall sees them: five machines of one shape, each wrapped in the same ten lines.

package processors

import (
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/processors/account"
	"github.com/parley-im/parley/processors/bookmark"
	"github.com/parley-im/parley/processors/conversation"
	"github.com/parley-im/parley/processors/inbox"
	"github.com/parley-im/parley/processors/outbox"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// room is a machine as the hall needs it.
type room struct {
	command func() command     // an empty command, to be decoded into
	owns    func(row any) bool // whether a row's state is of this room
}

// command is a decoded input.
type command interface {
	UnmarshalVT([]byte) error
	GetActivateRules() *pb.ActivateRules
	known() bool // it has a word that this binary knows
	judge(row *pb.Row, stamp stamp) verdict
}

// stamp is what the hall tells a room besides the word.
type stamp struct {
	rules  uint32
	key    string
	timeMs int64
	plan   *topology.Plan
}

// verdict is a room's decision in the hall's terms. It has changed nothing yet: apply does.
type verdict struct {
	repeat    bool
	malformed string
	outputs   []said
	apply     func(row *pb.Row) // nil = the row stays as it is
}

// said is something a room says: every room's Output is this type.
type said = struct {
	Key     string
	Message proto.Message
}

// rooms are the machines by the name of their group.
var rooms = map[string]room{
	"outbox":       {func() command { return &outboxCommand{} }, owns[*pb.Row_Outbox]},
	"conversation": {func() command { return &conversationCommand{} }, owns[*pb.Row_Conversation]},
	"inbox":        {func() command { return &inboxCommand{} }, owns[*pb.Row_Inbox]},
	"bookmark":     {func() command { return &bookmarkCommand{} }, owns[*pb.Row_Bookmark]},
	"account":      {func() command { return &accountCommand{} }, owns[*pb.Row_Account]},
}

func owns[State any](state any) bool {
	_, ok := state.(State)
	return ok
}

// applied folds events into a state.
func applied[State, Event any](state *State, events []Event, apply func(*State, Event) *State) *State {
	for _, e := range events {
		state = apply(state, e)
	}
	return state
}

type outboxCommand struct{ pb.OutboxCommand }

func (c *outboxCommand) known() bool { return c.Word != nil }

func (c *outboxCommand) judge(row *pb.Row, s stamp) verdict {
	d := outbox.Decide(row.GetOutbox(), &c.OutboxCommand, outbox.Stamp{
		Rules: s.rules, Key: s.key, TimeMs: s.timeMs, Rate: int64(s.plan.CommandRate), Burst: int64(s.plan.CommandBurst),
	})
	v := verdict{repeat: d.Repeat, malformed: d.Malformed, outputs: d.Outputs}
	if len(d.Events) > 0 {
		v.apply = func(row *pb.Row) {
			row.State = &pb.Row_Outbox{Outbox: applied(row.GetOutbox(), d.Events, outbox.Apply)}
		}
	}
	return v
}

type conversationCommand struct{ pb.ConversationCommand }

func (c *conversationCommand) known() bool { return c.Word != nil }

func (c *conversationCommand) judge(row *pb.Row, s stamp) verdict {
	d := conversation.Decide(row.GetConversation(), &c.ConversationCommand,
		conversation.Stamp{Rules: s.rules, Key: s.key, TimeMs: s.timeMs, FanOut: s.plan.FanOut})
	v := verdict{repeat: d.Repeat, malformed: d.Malformed, outputs: d.Outputs}
	if len(d.Events) > 0 {
		v.apply = func(row *pb.Row) {
			row.State = &pb.Row_Conversation{Conversation: applied(row.GetConversation(), d.Events, conversation.Apply)}
		}
	}
	return v
}

type inboxCommand struct {
	pb.InboxCommand

	// The word that there is most of lies beside the command: see unopened.go.
	conversation pb.InboxCommand_Conversation
	said         pb.ConversationSaid
}

func (c *inboxCommand) known() bool { return c.Word != nil }

func (c *inboxCommand) judge(row *pb.Row, s stamp) verdict {
	d := inbox.Decide(row.GetInbox(), &c.InboxCommand,
		inbox.Stamp{Rules: s.rules, Key: s.key, TimeMs: s.timeMs, Epoch: uint64(s.plan.Epoch)})
	v := verdict{repeat: d.Repeat, malformed: d.Malformed, outputs: d.Outputs}
	if len(d.Events) > 0 {
		v.apply = func(row *pb.Row) {
			row.State = &pb.Row_Inbox{Inbox: applied(row.GetInbox(), d.Events, inbox.Apply)}
		}
	}
	return v
}

type bookmarkCommand struct{ pb.BookmarkCommand }

func (c *bookmarkCommand) known() bool { return c.Word != nil }

func (c *bookmarkCommand) judge(row *pb.Row, s stamp) verdict {
	d := bookmark.Decide(row.GetBookmark(), &c.BookmarkCommand, bookmark.Stamp{Rules: s.rules, Key: s.key, TimeMs: s.timeMs})
	v := verdict{repeat: d.Repeat, malformed: d.Malformed, outputs: d.Outputs}
	if len(d.Events) > 0 {
		v.apply = func(row *pb.Row) {
			row.State = &pb.Row_Bookmark{Bookmark: applied(row.GetBookmark(), d.Events, bookmark.Apply)}
		}
	}
	return v
}

type accountCommand struct{ pb.AccountCommand }

func (c *accountCommand) known() bool { return c.Word != nil }

func (c *accountCommand) judge(row *pb.Row, s stamp) verdict {
	d := account.Decide(row.GetAccount(), &c.AccountCommand, account.Stamp{Rules: s.rules, Key: s.key, TimeMs: s.timeMs})
	v := verdict{repeat: d.Repeat, malformed: d.Malformed, outputs: d.Outputs}
	if len(d.Events) > 0 {
		v.apply = func(row *pb.Row) {
			row.State = &pb.Row_Account{Account: applied(row.GetAccount(), d.Events, account.Apply)}
		}
	}
	return v
}

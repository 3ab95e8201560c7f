// Package topology is the plan as data: every topic, group, view and gateway, in the order in which a message passes
// them. Read this file first. Everything else is derived from it: topic settings, goka graphs,
// the partitioner, TOPOLOGY.md, what the tests simulate.
package topology

import "time"

// Plan is a whole deployment. It holds no code and no connection.
type Plan struct {
	Name        string // prefix of consumer groups and client ids
	Epoch       uint32 // log epoch: rises when the topics are replaced (seal, copy, switch)
	Partitions  int32  // of every keyed topic; a power of two, fixed for the life of an epoch
	Replication int16
	MinInsync   int16
	FanOut      int // members up to which every inbox gets every message

	// How many commands one person may send; fixed for the life of an epoch, because a refusal is folded like everything else.
	CommandRate  int // commands a second, sustained
	CommandBurst int // commands at once

	Topics   []Topic
	Groups   []Group
	Views    []View
	Gateways []Gateway
}

// Topic is a topic, its one envelope and who writes it.
type Topic struct {
	Name      string
	Envelope  string        // the protobuf message that every value is; each stands in one topic
	Writers   []string      // groups and gateways; exactly one group for events
	Retention time.Duration // 0 = for ever
	Compact   bool          // tables only
	Why       string
}

// Group is a goka group table: one machine folds one input topic.
type Group struct {
	Name   string // folder = package = consumer group = metric label = parley run processor/NAME
	Number uint16 // names the group in causes; never reused
	Key    string // what the key is
	Input  string
	Output []string
	Row    string // what the row holds, in words
	State  string // field of the row's state: the protobuf message
}

// View is a projection that folds event topics into a store.
type View struct {
	Name  string
	Input []string
	Store string // redis or documents
	Keeps string
}

// Gateway is an interface to clients: the topics that it produces and follows.
type Gateway struct {
	Name  string
	Says  []string // topics that it produces
	Hears []string // topics that it follows
	Why   string
}

// Retentions. Commands and inbox.events live longer than the longest time a partition may be without an owner.
const (
	forEver  = 0
	days     = 24 * time.Hour
	commands = 7 * days
	inboxes  = 14 * days
)

// House is the plan of a deployment, in the order in which a message passes its parts.
func House() Plan {
	return Plan{
		Name: "parley", Epoch: 1, Partitions: 64, Replication: 3, MinInsync: 2, FanOut: 64, CommandRate: 50, CommandBurst: 200,
		Gateways: []Gateway{
			{"session", []string{"outbox.commands", "bookmark.commands", "account.commands"}, nil,
				"WebSocket and HTTP: one command for each frame that asks for something"},
			{"dispatch", nil, []string{"inbox.events", "bookmark.events", "account.events"},
				"owns partitions and pushes their records to the gateways that subscribed"},
		},
		Topics: []Topic{
			{"outbox.commands", "OutboxCommand", []string{"session", "account"}, commands, false, "what a person's devices ask, in each device's order"},
			{"conversation.commands", "ConversationCommand", []string{"outbox", "account"}, commands, false, "what is asked of a conversation"},
			{"conversation.events", "ConversationEvent", []string{"conversation"}, forEver, false, "what a conversation said: the record of everything"},
			{"inbox.commands", "InboxCommand", []string{"outbox", "conversation", "bookmark", "account"}, commands, false, "what a person is to be told"},
			{"inbox.events", "InboxEvent", []string{"inbox"}, inboxes, false, "what a person is told, densely numbered"},
			{"bookmark.commands", "BookmarkCommand", []string{"session"}, commands, false, "how far somebody received and read"},
			{"bookmark.events", "BookmarkEvent", []string{"bookmark"}, forEver, false, "marks that rose"},
			{"account.commands", "AccountCommand", []string{"outbox", "conversation", "session"}, commands, false, "what is asked of an account"},
			{"account.events", "AccountEvent", []string{"account"}, forEver, false, "what an account said"},
			{"dead.letters", "DeadLetter", []string{"outbox", "conversation", "inbox", "bookmark", "account"}, forEver, false, "inputs that could not be taken, with their cause"},
		},
		Groups: []Group{
			{"outbox", 1, "user", "outbox.commands",
				[]string{"conversation.commands", "account.commands", "inbox.commands"},
				"device -> highest client_seq, rate bucket, standing", "OutboxRow"},
			{"conversation", 2, "home/conversation", "conversation.commands",
				[]string{"conversation.events", "inbox.commands", "account.commands"},
				"kind, members and roles, seq, number", "ConversationRow"},
			{"inbox", 3, "user", "inbox.commands",
				[]string{"inbox.events"},
				"inbox_seq, epoch", "InboxRow"},
			{"bookmark", 4, "user/conversation", "bookmark.commands",
				[]string{"bookmark.events", "inbox.commands"},
				"delivered, read", "BookmarkRow"},
			{"account", 5, "user", "account.commands",
				[]string{"account.events", "conversation.commands", "inbox.commands", "outbox.commands"},
				"profile, blocks, standing, presence", "AccountRow"},
		},
		Views: []View{
			{"inbox", []string{"inbox.events"}, "redis", "each inbox as a stream whose ids are inbox_seq, its head apart; the conversation list"},
			{"bookmark", []string{"bookmark.events"}, "redis", "marks of each member"},
			{"presence", []string{"account.events"}, "redis", "who is there, as leases"},
			{"history", []string{"conversation.events"}, "documents", "membership first, then messages in pages of 25"},
			{"people", []string{"account.events"}, "documents", "profiles"},
		},
	}
}

// DeadLetters is the topic of dead letters; every group writes it.
const DeadLetters = "dead.letters"

// Table is the changelog topic of a group, by goka's naming.
func (p Plan) Table(group string) string { return p.Consumer(group) + "-table" }

// Consumer is the consumer group of a group.
func (p Plan) Consumer(group string) string { return p.Name + "." + group }

// ViewConsumer is the consumer group of a view. A view may have a group's name (inbox), and must not join its group.
func (p Plan) ViewConsumer(view string) string { return p.Consumer("view." + view) }

// GatewayConsumer is the consumer group of a gateway that hears topics. No gateway has a group's name.
func (p Plan) GatewayConsumer(gateway string) string { return p.Consumer(gateway) }

// Topic returns the topic of that name.
func (p Plan) Topic(name string) (Topic, bool) {
	for _, t := range p.Topics {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// Group returns the group of that name.
func (p Plan) Group(name string) (Group, bool) {
	for _, g := range p.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}

// View returns the view of that name.
func (p Plan) View(name string) (View, bool) {
	for _, v := range p.Views {
		if v.Name == name {
			return v, true
		}
	}
	return View{}, false
}

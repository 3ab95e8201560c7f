// The backend: a log and views of a few lines, in which a test loses a push or stops a view at will.

package carriertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloudwego/kitex/client/callopt"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// ErrDown is the error of a part that a test has stopped.
var ErrDown = errors.New("down")

var partitions = topology.House().Partitions

// Backend is the log and the views: every direct message reaches the inboxes of its two users at once. Fields may be changed
// within Set.
type Backend struct {
	Records   []topology.Record       // that were produced
	Push      func([]topology.Record) // takes events of inboxes; nil = nobody follows them
	Mute      bool                    // pushes are lost
	ViewsDown bool                    // queries fail
	Full      bool                    // the log takes nothing
	Silent    bool                    // the log does not acknowledge, and has nothing
	Idle      bool                    // commands are kept and not decided

	mu      sync.Mutex
	inboxes map[string][]*pb.InboxEvent
	numbers map[string]uint64
}

// NewBackend makes an empty backend.
func NewBackend() *Backend {
	return &Backend{inboxes: map[string][]*pb.InboxEvent{}, numbers: map[string]uint64{}}
}

// Set changes the backend.
func (b *Backend) Set(change func(*Backend)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// Emit is the emitter of a gateway.
func (b *Backend) Emit(topic, key string, value []byte, headers []topology.Header, done func(error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Full {
		return ErrDown
	}
	if b.Silent {
		go done(ErrDown)
		return nil
	}
	b.Records = append(b.Records, topology.Record{Topic: topic, Key: key, Value: value, Headers: headers, Time: time.Now()})
	go done(nil)
	command := new(pb.OutboxCommand)
	if topic != session.OutboxCommands || b.Idle || command.UnmarshalVT(value) != nil {
		return nil
	}
	if sent := command.GetConversation().GetSendMessage(); sent != nil {
		b.decide(key, command, sent)
	}
	return nil
}

// decide delivers a message to both users of a direct conversation, or refuses a stranger.
func (b *Backend) decide(user string, command *pb.OutboxCommand, sent *pb.SendMessage) {
	conversation := command.GetConversation().GetConversation()
	origin := &pb.Origin{User: user, DeviceId: command.DeviceId, ClientSeq: command.ClientSeq}
	peer := name.Peer(conversation, user)
	if peer == "" {
		b.deliver(user, &pb.InboxEvent{Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Origin: origin, Reason: pb.Reason_REASON_NOT_A_MEMBER}}})
		return
	}
	b.numbers[conversation]++
	for _, member := range []string{user, peer} {
		b.deliver(member, &pb.InboxEvent{Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{Conversation: conversation,
			Event: &pb.ConversationEvent{Seq: b.numbers[conversation] + 1, Number: b.numbers[conversation], Origin: origin, TimeMs: 7,
				Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: sent.Body, ReplyTo: sent.ReplyTo}}}}}})
	}
}

func (b *Backend) deliver(user string, event *pb.InboxEvent) {
	event.InboxSeq, event.Epoch = uint64(len(b.inboxes[user])+1), 1
	b.inboxes[user] = append(b.inboxes[user], event)
	value, err := event.MarshalVT()
	if err == nil && b.Push != nil && !b.Mute {
		b.Push([]topology.Record{{Topic: session.InboxEvents, Key: user, Value: value, Offset: int64(event.InboxSeq),
			Partition: topology.PartitionOf(user, partitions)}})
	}
}

func (b *Backend) head(user string) *pb.Cursor {
	if n := len(b.inboxes[user]); n > 0 {
		return &pb.Cursor{InboxSeq: uint64(n), Epoch: 1}
	}
	return &pb.Cursor{}
}

// query locks the views, unless they are down.
func (b *Backend) query() (unlock func(), err error) {
	b.mu.Lock()
	if b.ViewsDown {
		b.mu.Unlock()
		return nil, ErrDown
	}
	return b.mu.Unlock, nil
}

// Head is of the query service, as are the methods below.
func (b *Backend) Head(_ context.Context, q *pb.HeadQuery, _ ...callopt.Option) (*pb.HeadAnswer, error) {
	unlock, err := b.query()
	if err != nil {
		return nil, err
	}
	defer unlock()
	answer := new(pb.HeadAnswer)
	for _, user := range q.Users {
		answer.Heads = append(answer.Heads, b.head(user))
	}
	return answer, nil
}

// Difference pages through an inbox.
func (b *Backend) Difference(_ context.Context, q *pb.DifferenceQuery, _ ...callopt.Option) (*pb.DifferenceAnswer, error) {
	unlock, err := b.query()
	if err != nil {
		return nil, err
	}
	defer unlock()
	inbox, from := b.inboxes[q.User], int(q.Cursor.GetInboxSeq())
	if from > len(inbox) {
		return &pb.DifferenceAnswer{Head: b.head(q.User), Behind: true}, nil
	}
	return &pb.DifferenceAnswer{Head: b.head(q.User), Events: inbox[from:min(len(inbox), from+int(q.Limit))]}, nil
}

// Conversations has one conversation for everybody.
func (b *Backend) Conversations(_ context.Context, q *pb.ConversationsQuery, _ ...callopt.Option) (*pb.ConversationsAnswer, error) {
	unlock, err := b.query()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return &pb.ConversationsAnswer{Cursor: b.head(q.User), Conversations: []*pb.ConversationSummary{{Conversation: Direct}}}, nil
}

// History has the messages of a direct conversation, the newest first.
func (b *Backend) History(_ context.Context, q *pb.HistoryQuery, _ ...callopt.Option) (*pb.HistoryAnswer, error) {
	unlock, err := b.query()
	if err != nil {
		return nil, err
	}
	defer unlock()
	answer := &pb.HistoryAnswer{Found: name.Peer(q.Conversation, q.User) != ""}
	for _, event := range b.inboxes[q.User] {
		said := event.GetConversation()
		if answer.Found && said.GetConversation() == q.Conversation {
			answer.Messages = append([]*pb.HistoryMessage{{Number: said.Event.Number, Sender: said.Event.Origin.User, Body: said.Event.GetMessageSent().Body}}, answer.Messages...)
		}
	}
	return answer, nil
}

// Members has the two users of a direct conversation.
func (b *Backend) Members(_ context.Context, q *pb.MembersQuery, _ ...callopt.Option) (*pb.MembersAnswer, error) {
	unlock, err := b.query()
	if err != nil {
		return nil, err
	}
	defer unlock()
	peer := name.Peer(q.Conversation, q.User)
	if peer == "" {
		return &pb.MembersAnswer{}, nil
	}
	return &pb.MembersAnswer{Found: true, Members: []*pb.MemberView{{Member: &pb.Member{User: q.User}}, {Member: &pb.Member{User: peer}}}}, nil
}

// People have no names.
func (b *Backend) People(_ context.Context, q *pb.PeopleQuery, _ ...callopt.Option) (*pb.PeopleAnswer, error) {
	return &pb.PeopleAnswer{People: make([]*pb.Person, len(q.Users))}, nil
}

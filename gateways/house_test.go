// A small house for the tests of this hall: the doors, the dispatcher, the keys and the tokens are real and talk over real
// sockets; the log and the views behind them are a few lines, so that a test can lose a push or stop a view at will. The
// whole house is tested in test/house.

package gateways

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloudwego/kitex/client/callopt"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const patience = 30 * time.Second

var errDown = errors.New("down")

var partitions = topology.House().Partitions

// memory is the log and the views: every direct message reaches the inboxes of its two people at once.
type memory struct {
	mu        sync.Mutex
	inboxes   map[string][]*pb.InboxEvent
	numbers   map[string]uint64
	records   []topology.Record
	push      func([]topology.Record)
	mute      bool // pushes are lost
	viewsDown bool
	full      bool // the log takes nothing
	lost      bool // the log takes it and does not say so
	idle      bool // the log takes it and decides nothing
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *memory) emit(topic, key string, value []byte, headers []topology.Header, done func(error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errDown
	}
	if m.lost {
		go done(errDown)
		return nil
	}
	m.records = append(m.records, topology.Record{Topic: topic, Key: key, Value: value, Headers: headers, Time: time.Now()})
	go done(nil)
	command := new(pb.OutboxCommand)
	if topic != session.OutboxCommands || m.idle || command.UnmarshalVT(value) != nil {
		return nil
	}
	if sent := command.GetConversation().GetSendMessage(); sent != nil {
		m.deliver(key, command, sent)
	}
	return nil
}

// deliver tells both people of a direct conversation, or refuses a stranger.
func (m *memory) deliver(user string, command *pb.OutboxCommand, sent *pb.SendMessage) {
	conversation := command.GetConversation().GetConversation()
	origin := &pb.Origin{User: user, DeviceId: command.DeviceId, ClientSeq: command.ClientSeq}
	peer := name.Peer(conversation, user)
	if peer == "" {
		m.tell(user, &pb.InboxEvent{Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Origin: origin, Reason: pb.Reason_REASON_NOT_A_MEMBER}}})
		return
	}
	m.numbers[conversation]++
	for _, member := range []string{user, peer} {
		m.tell(member, &pb.InboxEvent{Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{Conversation: conversation,
			Event: &pb.ConversationEvent{Seq: m.numbers[conversation] + 1, Number: m.numbers[conversation], Origin: origin, TimeMs: 7,
				Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: sent.Body, ReplyTo: sent.ReplyTo}}}}}})
	}
}

func (m *memory) tell(user string, event *pb.InboxEvent) {
	event.InboxSeq, event.Epoch = uint64(len(m.inboxes[user])+1), 1
	m.inboxes[user] = append(m.inboxes[user], event)
	value, err := event.MarshalVT()
	if err == nil && m.push != nil && !m.mute {
		m.push([]topology.Record{{Topic: session.InboxEvents, Key: user, Value: value, Offset: int64(event.InboxSeq),
			Partition: topology.PartitionOf(user, partitions)}})
	}
}

func (m *memory) head(user string) *pb.Cursor {
	if n := len(m.inboxes[user]); n > 0 {
		return &pb.Cursor{InboxSeq: uint64(n), Epoch: 1}
	}
	return &pb.Cursor{}
}

// ask locks the views, unless they are down.
func (m *memory) ask() (func(), error) {
	m.mu.Lock()
	if m.viewsDown {
		m.mu.Unlock()
		return nil, errDown
	}
	return m.mu.Unlock, nil
}

func (m *memory) Head(_ context.Context, q *pb.HeadQuery, _ ...callopt.Option) (*pb.HeadAnswer, error) {
	unlock, err := m.ask()
	if err != nil {
		return nil, err
	}
	defer unlock()
	answer := new(pb.HeadAnswer)
	for _, user := range q.Users {
		answer.Heads = append(answer.Heads, m.head(user))
	}
	return answer, nil
}

func (m *memory) Difference(_ context.Context, q *pb.DifferenceQuery, _ ...callopt.Option) (*pb.DifferenceAnswer, error) {
	unlock, err := m.ask()
	if err != nil {
		return nil, err
	}
	defer unlock()
	inbox, from := m.inboxes[q.User], int(q.Cursor.GetInboxSeq())
	if from > len(inbox) {
		return &pb.DifferenceAnswer{Head: m.head(q.User), Behind: true}, nil
	}
	return &pb.DifferenceAnswer{Head: m.head(q.User), Events: inbox[from:min(len(inbox), from+int(q.Limit))]}, nil
}

func (m *memory) Conversations(_ context.Context, q *pb.ConversationsQuery, _ ...callopt.Option) (*pb.ConversationsAnswer, error) {
	unlock, err := m.ask()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return &pb.ConversationsAnswer{Cursor: m.head(q.User), Conversations: []*pb.ConversationSummary{{Conversation: name.Direct("ann", "bob")}}}, nil
}

func (m *memory) History(_ context.Context, q *pb.HistoryQuery, _ ...callopt.Option) (*pb.HistoryAnswer, error) {
	unlock, err := m.ask()
	if err != nil {
		return nil, err
	}
	defer unlock()
	answer := &pb.HistoryAnswer{Found: name.Peer(q.Conversation, q.User) != ""}
	for _, event := range m.inboxes[q.User] {
		said := event.GetConversation()
		if answer.Found && said.GetConversation() == q.Conversation {
			answer.Messages = append([]*pb.HistoryMessage{{Number: said.Event.Number, Sender: said.Event.Origin.User, Body: said.Event.GetMessageSent().Body}}, answer.Messages...)
		}
	}
	return answer, nil
}

func (m *memory) Members(_ context.Context, q *pb.MembersQuery, _ ...callopt.Option) (*pb.MembersAnswer, error) {
	unlock, err := m.ask()
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

func (m *memory) People(_ context.Context, q *pb.PeopleQuery, _ ...callopt.Option) (*pb.PeopleAnswer, error) {
	return &pb.PeopleAnswer{People: make([]*pb.Person, len(q.Users))}, nil
}

// house is the small house.
type house struct {
	*memory
	t        testing.TB
	gate     *Gateway
	url      string
	signer   ed25519.PrivateKey
	keys     *seal.Store
	dispatch net.Addr
	loopback *push.Loopback
	stop     context.CancelFunc // of the dispatcher
}

func newHouse(t testing.TB, change func(*Config)) *house { return newHouseOn(t, nil, change) }

// newHouseOn is a house whose dispatcher and gateway know that they share a process.
func newHouseOn(t testing.TB, loopback *push.Loopback, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, loopback: loopback, memory: &memory{inboxes: map[string][]*pb.InboxEvent{}, numbers: map[string]uint64{}}}
	private, public, err := token.Pair(t.TempDir())
	require.NoError(t, err)
	verifier, err := token.NewVerifier(token.Local, public)
	require.NoError(t, err)
	h.signer = private
	h.keys, err = seal.OpenStore(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { h.keys.Close() })
	h.startDispatch("127.0.0.1:0")
	cfg := Config{Plan: topology.House(), Emit: h.emit, Query: h.memory, Dispatchers: push.Static(h.dispatch.String()), Keys: h.keys,
		Loopback: loopback, Verifier: verifier, Static: fstest.MapFS{"index.html": {Data: []byte("<title>Parley</title>")}}}
	if change != nil {
		change(&cfg)
	}
	h.gate, err = New(cfg)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- h.gate.Run(ctx) }()
	server := httptest.NewServer(h.gate.Handler())
	h.url = server.URL
	t.Cleanup(func() { server.Close(); stop(); require.NoError(t, <-ran); h.stop() })
	return h
}

// startDispatch runs a dispatcher that owns every partition.
func (h *house) startDispatch(address string) {
	listener, err := net.Listen("tcp", address)
	require.NoError(h.t, err)
	h.dispatch = listener.Addr()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	follow := func(ctx context.Context, _ string, topics []string, owned func([]topology.TopicPartition), take func([]topology.Record)) error {
		var all []topology.TopicPartition
		for _, topic := range topics {
			for p := range partitions {
				all = append(all, topology.TopicPartition{Topic: topic, Partition: p})
			}
		}
		owned(all)
		h.set(func(m *memory) { m.push = take })
		<-ctx.Done()
		h.set(func(m *memory) { m.push = nil })
		return nil
	}
	go func() {
		ended <- RunDispatch(ctx, DispatchConfig{Plan: topology.House(), Listener: listener, Follow: follow, Loopback: h.loopback})
	}()
	h.stop = func() { stop(); require.NoError(h.t, <-ended); h.stop = func() {} }
}

// subscribed waits until the inboxes of people are pushed.
func (h *house) subscribed(users ...string) {
	h.t.Helper()
	for _, user := range users {
		require.Eventually(h.t, func() bool {
			return h.gate.board.Subscribed(session.Subscription{Topic: session.InboxEvents, Key: user})
		}, patience, time.Millisecond)
	}
}

func (h *house) token(user string) string {
	minted, err := token.Mint(h.signer, token.Local, user, time.Now(), time.Hour)
	require.NoError(h.t, err)
	return minted
}

// device is a client of the Protobuf subprotocol. It complains about gaps and repeats.
type device struct {
	t      testing.TB
	socket *websocket.Conn
	next   uint64
	cursor *pb.Cursor
	texts  []string
}

func (h *house) connect(user, id string, cursor *pb.Cursor) *device {
	h.t.Helper()
	d := h.dial(cursor)
	welcome := d.ask(h.hello(user, id, cursor)).GetWelcome()
	require.Equal(h.t, user, welcome.GetUser())
	if cursor == nil {
		d.cursor = d.ask(&pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{}}}).GetSnapshot().GetCursor()
	}
	return d
}

func (h *house) hello(user, id string, cursor *pb.Cursor) *pb.ClientFrame {
	return &pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: h.token(user), DeviceId: id, Cursor: cursor}}}
}

func (h *house) dial(cursor *pb.Cursor) *device { return h.dialFor("parley.v1.proto", cursor) }

func (h *house) dialFor(subprotocol string, cursor *pb.Cursor) *device {
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: patience}
	socket, _, err := dialer.Dial("ws"+strings.TrimPrefix(h.url, "http")+"/v1/ws", nil)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { socket.Close() })
	return &device{t: h.t, socket: socket, cursor: cursor}
}

func (d *device) say(frame *pb.ClientFrame) uint64 {
	d.next++
	frame.Id = d.next
	message, err := proto.Marshal(frame)
	require.NoError(d.t, err)
	require.NoError(d.t, d.socket.WriteMessage(websocket.BinaryMessage, message))
	return d.next
}

// ask says a frame and waits for its answer.
func (d *device) ask(frame *pb.ClientFrame) *pb.ServerFrame {
	d.t.Helper()
	id := d.say(frame)
	return d.until(func(f *pb.ServerFrame) bool { return f.Re == id })
}

// until hears until a frame fits.
func (d *device) until(fits func(*pb.ServerFrame) bool) *pb.ServerFrame {
	d.t.Helper()
	d.socket.SetReadDeadline(time.Now().Add(patience))
	for {
		_, message, err := d.socket.ReadMessage()
		require.NoError(d.t, err)
		frame := new(pb.ServerFrame)
		require.NoError(d.t, proto.Unmarshal(message, frame))
		for _, event := range frame.GetEvents().GetEvents() {
			require.Equal(d.t, d.cursor.GetInboxSeq()+1, event.InboxSeq, "a gap or a repeat")
			d.cursor = &pb.Cursor{InboxSeq: event.InboxSeq, Epoch: event.Epoch}
			d.texts = append(d.texts, event.GetMessage().GetText())
		}
		if fits(frame) {
			return frame
		}
	}
}

// hears waits until so many messages were heard.
func (d *device) hears(n int) []string {
	d.t.Helper()
	if len(d.texts) < n {
		d.until(func(*pb.ServerFrame) bool { return len(d.texts) >= n })
	}
	return d.texts
}

func text(clientSeq uint64, conversation, text string) *pb.ClientFrame {
	return &pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: &pb.Send{ClientSeq: clientSeq, Conversation: conversation, Word: &pb.Send_Text{Text: &pb.SendText{Text: text}}}}}
}

// call makes a request.
func (h *house) call(method, path, user, body string) (int, http.Header, string) {
	h.t.Helper()
	request, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	require.NoError(h.t, err)
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+h.token(user))
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(h.t, err)
	defer answer.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(answer.Body)
	require.NoError(h.t, err)
	return answer.StatusCode, answer.Header, out.String()
}

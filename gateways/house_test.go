// A small house for the tests of this hall: the doors, the dispatcher, the keys and the tokens are real and talk over real
// sockets; the log and the views behind them are a few lines, so that a test can lose a push or stop a view at will. The
// whole house is tested in test/house.

package gateways

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/carriertest"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const patience = carriertest.Patience

var partitions = topology.House().Partitions

// house is the small house.
type house struct {
	*carriertest.Backend
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
	h := &house{t: t, loopback: loopback, Backend: carriertest.NewBackend()}
	private, public, err := token.Pair(t.TempDir())
	require.NoError(t, err)
	verifier, err := token.NewVerifier(token.Local, public)
	require.NoError(t, err)
	h.signer = private
	h.keys, err = seal.OpenStore(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { h.keys.Close() })
	h.startDispatch("127.0.0.1:0")
	cfg := Config{Plan: topology.House(), Emit: h.Emit, Query: h, Dispatchers: push.Static(h.dispatch.String()), Keys: h.keys,
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
		h.Set(func(b *carriertest.Backend) { b.Push = take })
		<-ctx.Done()
		h.Set(func(b *carriertest.Backend) { b.Push = nil })
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

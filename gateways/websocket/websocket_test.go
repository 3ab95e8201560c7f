// The carrier over real sockets: what it refuses, how it closes, and whom it never waits for.

package websocket

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const patience = 20 * time.Second

// hall is a small hall: real sessions, no log and no views. Questions are answered with nothing.
type hall struct {
	t     *testing.T
	url   string
	cut   atomic.Int32
	full  bool
	mu    sync.Mutex
	lines []*testLine
}

type testLine struct {
	mu      sync.Mutex
	carrier session.Carrier
	session *session.Session
	gone    bool
}

func (h *hall) Enter(c session.Carrier, _ session.Caller) (session.Line, error) {
	if h.full {
		return nil, &session.Full{Why: "full", RetryAfterMS: 2000}
	}
	l := &testLine{carrier: c, session: session.New(session.Config{ID: "s", Verify: func(token string, now int64) (string, int64, error) {
		if token != "ann" {
			return "", 0, errors.New("not ann")
		}
		return "ann", now + 3_600_000, nil
	}}, time.Now().UnixMilli())}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, l)
	return l, nil
}

func (h *hall) last() *testLine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lines[len(h.lines)-1]
}

func (l *testLine) step(in session.Input) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for queue := []session.Input{in}; len(queue) > 0; queue = queue[1:] {
		ready := l.session.Step(time.Now().UnixMilli(), queue[0])
		l.carrier.Send(ready.Frames)
		for _, ask := range ready.Ask {
			queue = append(queue, session.Answered{ID: ask.ID})
		}
		if ready.Close != nil {
			l.carrier.Close(*ready.Close)
		}
	}
}

func (l *testLine) Receive(frame *pb.ClientFrame) { l.step(session.Received{Frame: frame}) }
func (l *testLine) Malformed(g session.Malformed) { l.step(g) }
func (l *testLine) Disconnect() {
	l.step(session.Disconnected{})
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
}

func newHall(t *testing.T, origins ...string) *hall {
	h := &hall{t: t}
	server := httptest.NewServer(New(Config{Door: h, Origins: origins, Cut: func() { h.cut.Add(1) }}))
	t.Cleanup(server.Close)
	h.url = "ws" + strings.TrimPrefix(server.URL, "http")
	return h
}

func (h *hall) dial(subprotocol string) *websocket.Conn {
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: patience}
	c, _, err := dialer.Dial(h.url, nil)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(patience))
	return c
}

func write(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(text)))
}

func read(t *testing.T, c *websocket.Conn) *pb.ServerFrame {
	t.Helper()
	kind, message, err := c.ReadMessage()
	require.NoError(t, err)
	frame := new(pb.ServerFrame)
	if kind == websocket.TextMessage {
		require.True(t, json.Valid(message))
		require.NoError(t, protojson.Unmarshal(message, frame))
	} else {
		require.NoError(t, proto.Unmarshal(message, frame))
	}
	return frame
}

// closed reads until the end and gives the close code.
func closed(t *testing.T, c *websocket.Conn) int {
	t.Helper()
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			var end *websocket.CloseError
			if errors.As(err, &end) {
				return end.Code
			}
			return websocket.CloseAbnormalClosure
		}
	}
}

const helloJSON = `{"id":1,"hello":{"token":"ann","deviceId":"phone"}}`

func TestBothSubprotocolsSpeak(t *testing.T) {
	h := newHall(t)
	c := h.dial(SubprotocolJSON)
	write(t, c, helloJSON)
	require.Equal(t, "ann", read(t, c).GetWelcome().GetUser())
	write(t, c, `{"id":2,"ping":{}}`)
	require.NotNil(t, read(t, c).GetPong())

	c = h.dial(SubprotocolProto)
	for _, frame := range []*pb.ClientFrame{
		{Id: 1, Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: "ann", DeviceId: "phone"}}},
		{Id: 2, Word: &pb.ClientFrame_Ping{Ping: &pb.Ping{}}},
	} {
		message, err := proto.Marshal(frame)
		require.NoError(t, err)
		require.NoError(t, c.WriteMessage(websocket.BinaryMessage, message))
	}
	require.EqualValues(t, 1, read(t, c).Re)
	require.EqualValues(t, 2, read(t, c).Re)
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { l := h.last(); l.mu.Lock(); defer l.mu.Unlock(); return l.gone }, patience, time.Millisecond)
}

func TestHandshakeRefusals(t *testing.T) {
	h := newHall(t, "https://chat.example")
	own := "http" + strings.TrimPrefix(h.url, "ws")
	for what, c := range map[string]struct {
		origin, path string
		protocols    []string
		status       int
	}{
		"no origin":            {"", "", []string{SubprotocolJSON}, http.StatusSwitchingProtocols},
		"own origin":           {own, "", []string{SubprotocolJSON}, http.StatusSwitchingProtocols},
		"listed origin":        {"https://chat.example", "", []string{SubprotocolJSON}, http.StatusSwitchingProtocols},
		"evil origin":          {"https://evil.example", "", []string{SubprotocolJSON}, http.StatusForbidden},
		"origin null":          {"null", "", []string{SubprotocolJSON}, http.StatusForbidden},
		"suffix of the origin": {"https://chat.example.evil.example", "", []string{SubprotocolJSON}, http.StatusForbidden},
		"prefix of the origin": {"https://evilchat.example", "", []string{SubprotocolJSON}, http.StatusForbidden},
		"other scheme":         {"http://chat.example", "", []string{SubprotocolJSON}, http.StatusForbidden},
		"no subprotocol":       {"", "", nil, http.StatusBadRequest},
		"unknown subprotocol":  {"", "", []string{"chat"}, http.StatusBadRequest},
		"a token in the URL":   {"", "?token=ann", []string{SubprotocolJSON}, http.StatusBadRequest},
	} {
		t.Run(what, func(t *testing.T) {
			header := http.Header{}
			if c.origin != "" {
				header.Set("Origin", c.origin)
			}
			dialer := websocket.Dialer{Subprotocols: c.protocols, HandshakeTimeout: patience}
			conn, answer, err := dialer.Dial(h.url+"/"+c.path, header)
			if c.status == http.StatusSwitchingProtocols {
				require.NoError(t, err)
				conn.Close()
				return
			}
			require.Error(t, err)
			require.Equal(t, c.status, answer.StatusCode)
		})
	}
	h.full = true
	_, answer, err := (&websocket.Dialer{Subprotocols: []string{SubprotocolJSON}}).Dial(h.url, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Equal(t, "2", answer.Header.Get("Retry-After"))
}

func TestCloseCodesSayWhetherToComeBack(t *testing.T) {
	h := newHall(t)
	large := func(n int) string { return `{"id":2,"send":{"text":{"text":"` + strings.Repeat("x", n) + `"}}}` }
	for what, c := range map[string]struct {
		hello string
		then  string
		code  int
	}{
		"nothing before hello": {`{"id":1,"ping":{}}`, "", CodeMisused},
		"garbage before hello": {`{"id"`, "", CodeMisused},
		"a wrong token":        {`{"id":1,"hello":{"token":"eve","deviceId":"phone"}}`, "", CodeUnauthenticated},
		"a huge hello":         {`{"id":1,"hello":{"token":"` + strings.Repeat("x", session.MaxHello) + `"}}`, "", CodeTooLarge},
		"a frame over 64 KiB":  {helloJSON, large(translate.MaxFrame), CodeTooLarge},
		"a frame of 1 MiB":     {helloJSON, large(1 << 20), CodeTooLarge},
	} {
		t.Run(what, func(t *testing.T) {
			socket := h.dial(SubprotocolJSON)
			write(t, socket, c.hello)
			if c.then != "" {
				write(t, socket, c.then)
			}
			require.Equal(t, c.code, closed(t, socket))
		})
	}
	socket := h.dial(SubprotocolJSON)
	write(t, socket, helloJSON)
	read(t, socket)
	h.last().step(session.Drain{ReconnectAfterMS: 700})
	goodbye := read(t, socket).GetGoodbye()
	require.True(t, goodbye.GetReconnect())
	require.EqualValues(t, 700, goodbye.GetReconnectAfterMs())
	require.Equal(t, CodeRestarting, closed(t, socket))
}

func TestNoHelloInTimeIsClosed(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolJSON)
	l := h.last()
	l.mu.Lock() // the hall's clock, five seconds on
	ready := l.session.Step(time.Now().UnixMilli()+session.HelloTimeoutMS, session.Tick{})
	l.carrier.Send(ready.Frames)
	l.carrier.Close(*ready.Close)
	l.mu.Unlock()
	require.Equal(t, CodeHelloLate, closed(t, socket))
}

func TestFramesOfTheOtherKindAreRefusedAndTheConnectionLives(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolJSON)
	write(t, socket, helloJSON)
	read(t, socket)
	require.NoError(t, socket.WriteMessage(websocket.BinaryMessage, []byte("x")))
	require.Equal(t, pb.Code_CODE_INVALID, read(t, socket).GetRefused().GetCode())
	write(t, socket, `{"id":9,"ping":{}}`)
	require.EqualValues(t, 9, read(t, socket).Re)
}

func TestSlowReaderIsCutAndNobodyWaits(t *testing.T) {
	h := newHall(t)
	socket := h.dial(SubprotocolJSON)
	write(t, socket, helloJSON)
	read(t, socket)
	carrier := h.last().carrier
	frame := &pb.ServerFrame{Word: &pb.ServerFrame_Resync{Resync: &pb.Resync{Detail: strings.Repeat("x", 32<<10)}}}
	for i := 0; h.cut.Load() == 0; i++ { // it reads nothing: the kernel's buffers fill, then ours
		require.Less(t, i, 1_000_000, "the slow client was never cut")
		carrier.Send([]*pb.ServerFrame{frame})
	}
	select {
	case <-carrier.Drained():
	case <-time.After(patience):
		t.Fatal("what waited for a cut client is still waited for")
	}
	require.Contains(t, []int{CodeSlow, websocket.CloseAbnormalClosure}, closed(t, socket))
	require.EqualValues(t, 1, h.cut.Load())
}

func TestRawBytesDoNoHarm(t *testing.T) {
	h := newHall(t)
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: parley.v1.json\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
			"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00{", // a frame that says it has 2^63-1 bytes
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: parley.v1.json\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" +
			"\xc1\x80\x00\x00\x00\x00", // compressed, which was not agreed
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "ws://"))
		require.NoError(t, err)
		c.SetDeadline(time.Now().Add(patience))
		_, err = c.Write([]byte(raw))
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		buffer := make([]byte, 1<<10)
		for err == nil {
			_, err = c.Read(buffer)
		}
		c.Close()
	}
	socket := h.dial(SubprotocolJSON) // others go on
	write(t, socket, helloJSON)
	require.NotNil(t, read(t, socket).GetWelcome())
}

func TestMain(m *testing.M) {
	// The keys of the suite's worlds are in an expirable LRU, which has no Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/golang-lru/v2/expirable.NewLRU[...].func1"))
}

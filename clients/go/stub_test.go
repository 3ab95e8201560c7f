// A gateway for tests: it keeps the rules of the protocol for a few people in memory, and breaks what a test tells it to.

package parley_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// stub is the gateway. Its tokens are the user ids.
type stub struct {
	*httptest.Server

	mu       sync.Mutex
	inboxes  map[string][]*pb.Event
	floors   map[string]uint64 // events up to here are not kept
	next     map[string]uint64 // user/device -> number of its next command
	numbers  map[string]uint64 // of messages
	sessions map[*stubSession]bool

	mute     int           // so many pushes are lost
	deaf     int           // so many accepted commands are answered by an end of the connection
	busy     int           // so many commands are refused for now
	crowded  int           // so many commands are one device too many
	invalid  string        // a text that is refused for good
	goodbye  *pb.Goodbye   // answers the next ping
	commands []string      // client_seq and text of every send that came
	hellos   []*pb.Hello   // every hello that came
	beat     time.Duration // heartbeat
}

type stubSession struct {
	socket *websocket.Conn
	json   bool
	user   string
	device string
}

func newStub() *stub {
	s := &stub{inboxes: map[string][]*pb.Event{}, floors: map[string]uint64{}, next: map[string]uint64{}, numbers: map[string]uint64{},
		sessions: map[*stubSession]bool{}, beat: 20 * time.Second}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/ws", s.serve)
	mux.HandleFunc("POST /v1/commands", s.command)
	mux.HandleFunc("GET /v1/conversations/{home}/{conversation}/messages", s.messages)
	s.Server = httptest.NewServer(mux)
	return s
}

// change lets a test break something.
func (s *stub) change(how func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how()
}

// cut ends every connection without a word.
func (s *stub) cut() {
	s.change(func() {
		for one := range s.sessions {
			_ = one.socket.Close()
		}
	})
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"parley.v1.proto", "parley.v1.json"}}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	one := &stubSession{socket: socket, json: socket.Subprotocol() == "parley.v1.json"}
	defer s.change(func() { delete(s.sessions, one) })
	for {
		_, b, err := socket.ReadMessage()
		if err != nil {
			return
		}
		f := new(pb.ClientFrame)
		if one.json {
			err = protojson.Unmarshal(b, f)
		} else {
			err = proto.Unmarshal(b, f)
		}
		if err != nil {
			return
		}
		s.change(func() { s.receive(one, f) })
	}
}

func (s *stub) say(to *stubSession, f *pb.ServerFrame) {
	kind, write := websocket.BinaryMessage, proto.Marshal
	if to.json {
		kind, write = websocket.TextMessage, protojson.Marshal
	}
	b, err := write(f)
	if err == nil {
		_ = to.socket.WriteMessage(kind, b)
	}
}

func (s *stub) head(user string) *pb.Cursor {
	return &pb.Cursor{InboxSeq: uint64(len(s.inboxes[user])), Epoch: 1}
}

func (s *stub) receive(from *stubSession, f *pb.ClientFrame) {
	answer := &pb.ServerFrame{Re: f.Id}
	switch word := f.Word.(type) {
	case *pb.ClientFrame_Hello:
		s.hellos = append(s.hellos, word.Hello)
		if word.Hello.Token == "" || strings.HasPrefix(word.Hello.Token, "bad") {
			s.say(from, &pb.ServerFrame{Word: &pb.ServerFrame_Goodbye{Goodbye: &pb.Goodbye{Detail: "the token is not valid here"}}})
			_ = from.socket.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4401, ""))
			return
		}
		from.user, from.device = word.Hello.Token, word.Hello.DeviceId
		s.sessions[from] = true
		answer.Word = &pb.ServerFrame_Welcome{Welcome: &pb.Welcome{User: from.user, HeartbeatMs: uint32(s.beat.Milliseconds()), Head: s.head(from.user)}}
	case *pb.ClientFrame_Snapshot:
		answer.Word = &pb.ServerFrame_Snapshot{Snapshot: &pb.Snapshot{Cursor: s.head(from.user)}}
	case *pb.ClientFrame_Difference:
		answer.Word = &pb.ServerFrame_Difference{Difference: s.difference(from.user, word.Difference)}
	case *pb.ClientFrame_Ping:
		answer.Word = &pb.ServerFrame_Pong{Pong: &pb.Pong{Head: s.head(from.user)}}
		if s.goodbye != nil {
			answer.Word, s.goodbye = &pb.ServerFrame_Goodbye{Goodbye: s.goodbye}, nil
			s.say(from, answer)
			_ = from.socket.Close()
			return
		}
	case *pb.ClientFrame_History:
		answer.Word = &pb.ServerFrame_History{History: s.history(from.user, word.History.Conversation)}
		if !strings.Contains(word.History.Conversation, from.user) {
			answer.Word = &pb.ServerFrame_Refused{Refused: &pb.Refused{Code: pb.Code_CODE_NOT_FOUND, Field: "history.conversation"}}
		}
	case *pb.ClientFrame_Send:
		s.send(from, f.Id, word.Send)
		return
	default:
		return
	}
	s.say(from, answer)
}

func (s *stub) difference(user string, get *pb.GetDifference) *pb.Difference {
	at := get.Cursor.GetInboxSeq()
	if at < s.floors[user] {
		return &pb.Difference{SnapshotNeeded: true}
	}
	events := s.inboxes[user][min(at, uint64(len(s.inboxes[user]))):]
	return &pb.Difference{Events: events, Cursor: s.head(user)}
}

func (s *stub) history(user, conversation string) *pb.History {
	out := &pb.History{Conversation: conversation}
	for _, e := range s.inboxes[user] {
		if e.Conversation == conversation && e.GetMessage() != nil {
			out.Messages = append([]*pb.Message{e.GetMessage()}, out.Messages...)
		}
	}
	return out
}

func (s *stub) send(from *stubSession, id uint64, send *pb.Send) {
	text := send.GetText().GetText()
	s.commands = append(s.commands, fmt.Sprint(send.ClientSeq, " ", text))
	refuse := func(code pb.Code, ms uint32) {
		s.say(from, &pb.ServerFrame{Re: id, Word: &pb.ServerFrame_Refused{Refused: &pb.Refused{Code: code, RetryAfterMs: ms, ClientSeq: send.ClientSeq}}})
	}
	switch {
	case s.busy > 0:
		s.busy--
		refuse(pb.Code_CODE_OVERLOADED, 10)
		return
	case s.invalid != "" && text == s.invalid:
		refuse(pb.Code_CODE_INVALID, 0)
		return
	}
	if s.deaf > 0 {
		s.deaf--
		s.decide(from.user, from.device, send)
		_ = from.socket.Close()
		return
	}
	s.say(from, &pb.ServerFrame{Re: id, Word: &pb.ServerFrame_Accepted{Accepted: &pb.Accepted{ClientSeq: send.ClientSeq, Conversation: send.Conversation}}})
	s.decide(from.user, from.device, send)
}

// decide carries a command out and returns its outcome, or nil for a repeat.
func (s *stub) decide(user, device string, send *pb.Send) *pb.Event {
	key := user + "/" + device
	expected := s.next[key] + 1
	event := func() *pb.Event {
		return &pb.Event{Conversation: send.Conversation, User: user, DeviceId: device, ClientSeq: send.ClientSeq}
	}
	switch {
	case send.ClientSeq < expected:
		return nil
	case send.ClientSeq > expected:
		e := event()
		e.Word = &pb.Event_Refused{Refused: &pb.EventRefused{Reason: pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ, ExpectedClientSeq: expected}}
		return s.push(user, e)
	}
	if s.crowded > 0 {
		s.crowded--
		e := event()
		e.Word = &pb.Event_Refused{Refused: &pb.EventRefused{Reason: pb.Reason_REASON_TOO_MANY_DEVICES}}
		return s.push(user, e)
	}
	s.next[key]++
	if send.GetText() == nil {
		e := event()
		e.Word = &pb.Event_Account{Account: &pb.EventAccount{Created: true}}
		return s.push(user, e)
	}
	if !strings.Contains(send.Conversation, user) {
		e := event()
		e.Word = &pb.Event_Refused{Refused: &pb.EventRefused{Reason: pb.Reason_REASON_NOT_A_MEMBER}}
		return s.push(user, e)
	}
	s.numbers[send.Conversation]++
	n := s.numbers[send.Conversation]
	var own *pb.Event
	for _, member := range strings.Split(send.Conversation, "/") {
		e := event()
		e.Seq, e.Number = n, n
		e.Word = &pb.Event_Message{Message: &pb.Message{Number: n, Seq: n, Sender: user, Text: send.GetText().Text}}
		if member != user {
			e.DeviceId, e.ClientSeq = "", 0
		}
		if e = s.push(member, e); member == user {
			own = e
		}
	}
	return own
}

func (s *stub) push(user string, e *pb.Event) *pb.Event {
	e.InboxSeq, e.Epoch = uint64(len(s.inboxes[user])+1), 1
	s.inboxes[user] = append(s.inboxes[user], e)
	for one := range s.sessions {
		if one.user == user && s.mute == 0 {
			s.say(one, &pb.ServerFrame{Word: &pb.ServerFrame_Events{Events: &pb.Events{Events: []*pb.Event{e}}}})
		}
	}
	s.mute = max(s.mute-1, 0)
	return e
}

func (s *stub) command(w http.ResponseWriter, r *http.Request) {
	var in struct {
		DeviceID string          `json:"device_id"`
		Send     json.RawMessage `json:"send"`
	}
	send := new(pb.Send)
	if json.NewDecoder(r.Body).Decode(&in) != nil || protojson.Unmarshal(in.Send, send) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var e *pb.Event
	s.change(func() {
		if in.DeviceID == "" {
			in.DeviceID, send.ClientSeq = "gateway", s.next[user+"/gateway"]+1
		}
		e = s.decide(user, in.DeviceID, send)
	})
	if refused := e.GetRefused(); refused != nil {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"title":"refused by the log","status":403,"reason":"%v","client_seq":%d,"detail":"ask a member"}`, refused.Reason, e.ClientSeq)
		return
	}
	event, _ := protojson.Marshal(e)
	fmt.Fprintf(w, `{"conversation":%q,"seq":%d,"number":%d,"device_id":%q,"client_seq":%d,"event":%s}`,
		e.Conversation, e.Seq, e.Number, e.DeviceId, e.ClientSeq, event)
}

func (s *stub) messages(w http.ResponseWriter, r *http.Request) {
	user := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var out *pb.History
	s.change(func() { out = s.history(user, r.PathValue("home")+"/"+r.PathValue("conversation")) })
	b, _ := protojson.Marshal(out)
	_, _ = w.Write(b)
}

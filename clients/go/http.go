// The HTTP interface: each call is one request.

package parley

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// MaxBody bounds the body of an answer; bytes.
const MaxBody = 16 << 20

// HTTP calls the HTTP interface in the name of one person.
type HTTP struct {
	Address string // of a gateway, such as https://chat.example.org
	Token   string
	Client  *http.Client // nil = http.DefaultClient
}

// Outcome is what became of a command.
type Outcome struct {
	Conversation string
	Seq          uint64 // of the event in the conversation
	Number       uint64 // of the message in the conversation
	InboxSeq     uint64
	DeviceID     string
	ClientSeq    uint64
	Event        *pb.Event // nil = the command is in the log and not decided yet
}

// Send sends a command. A program that names a device and sets send.ClientSeq may repeat the call after an error: the command
// is carried out once. With an empty device id, and no number, the gateway numbers the command itself.
func (h *HTTP) Send(ctx context.Context, deviceID string, send *pb.Send) (*Outcome, error) {
	command, err := protojson.Marshal(send)
	if err != nil {
		return nil, fmt.Errorf("parley: %w", err)
	}
	body, err := json.Marshal(struct {
		DeviceID string          `json:"device_id,omitempty"`
		Send     json.RawMessage `json:"send"`
	}{deviceID, command})
	if err != nil {
		return nil, fmt.Errorf("parley: %w", err)
	}
	answer, err := h.call(ctx, http.MethodPost, "/v1/commands", nil, body)
	if err != nil {
		return nil, err
	}
	return outcomeIn(answer)
}

func outcomeIn(answer []byte) (*Outcome, error) {
	var in struct {
		Conversation string          `json:"conversation"`
		Seq          uint64          `json:"seq"`
		Number       uint64          `json:"number"`
		InboxSeq     uint64          `json:"inbox_seq"`
		DeviceID     string          `json:"device_id"`
		ClientSeq    uint64          `json:"client_seq"`
		Event        json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return nil, fmt.Errorf("parley: answer: %w", err)
	}
	out := &Outcome{in.Conversation, in.Seq, in.Number, in.InboxSeq, in.DeviceID, in.ClientSeq, nil}
	if len(in.Event) > 0 {
		out.Event = new(pb.Event)
		if err := decode(in.Event, out.Event); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// History reads messages of a conversation with numbers below before, newest first; before = 0 begins at the newest.
func (h *HTTP) History(ctx context.Context, conversation string, before uint64, limit uint32) (*pb.History, error) {
	out := new(pb.History)
	return out, h.get(ctx, conversationPath(conversation)+"/messages", counts{"before": before, "limit": uint64(limit)}, out)
}

// Members reads who is in a conversation.
func (h *HTTP) Members(ctx context.Context, conversation string) (*pb.Members, error) {
	out := new(pb.Members)
	return out, h.get(ctx, conversationPath(conversation)+"/members", nil, out)
}

// Conversations reads the conversations of the person, latest first, with the cursor up to which they are known.
func (h *HTTP) Conversations(ctx context.Context, limit uint32) (*pb.Snapshot, error) {
	out := new(pb.Snapshot)
	return out, h.get(ctx, "/v1/conversations", counts{"limit": uint64(limit)}, out)
}

// Inbox reads the events after a cursor; nil begins at the first.
func (h *HTTP) Inbox(ctx context.Context, after *pb.Cursor, limit uint32) (*pb.Difference, error) {
	out := new(pb.Difference)
	query := counts{"after": after.GetInboxSeq(), "epoch": after.GetEpoch(), "limit": uint64(limit)}
	return out, h.get(ctx, "/v1/inbox", query, out)
}

// counts are the parameters of a query; zero is left out.
type counts map[string]uint64

func (h *HTTP) get(ctx context.Context, path string, query counts, out proto.Message) error {
	values := url.Values{}
	for name, n := range query {
		if n > 0 {
			values.Set(name, strconv.FormatUint(n, 10))
		}
	}
	answer, err := h.call(ctx, http.MethodGet, path, values, nil)
	if err != nil {
		return err
	}
	return decode(answer, out)
}

// call makes one request and returns the body of the answer, or a *Problem.
func (h *HTTP) call(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	to := strings.TrimSuffix(h.Address, "/") + path
	if len(query) > 0 {
		to += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parley: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+h.Token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client := h.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("parley: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, MaxBody))
	if err != nil {
		return nil, fmt.Errorf("parley: %s %s: %w", method, path, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return nil, problemIn(answer, text)
	}
	return text, nil
}

// conversationPath is the path of home/conversation; keys need no escape, and what is no key must not become another path.
func conversationPath(conversation string) string {
	home, own, _ := strings.Cut(conversation, "/")
	return "/v1/conversations/" + url.PathEscape(home) + "/" + url.PathEscape(own)
}

func decode(b []byte, into proto.Message) error {
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, into); err != nil {
		return fmt.Errorf("parley: answer: %w", err)
	}
	return nil
}

// Commands over HTTP: sent like any other, and their outcome awaited in the person's own inbox.

package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// body reads a bounded body of UTF-8.
func body(w http.ResponseWriter, r *http.Request) ([]byte, *problem) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &problem{Status: http.StatusRequestEntityTooLarge, Title: "too large", Code: pb.Code_CODE_TOO_LARGE.String(),
			Detail: "at most " + strconv.Itoa(MaxBody) + " bytes may come"}
	case err != nil:
		return nil, invalid("the body could not be read", "")
	case !utf8.Valid(text):
		return nil, invalid("the body is not UTF-8", "")
	}
	return text, nil
}

func invalid(detail, field string) *problem {
	return &problem{Status: http.StatusBadRequest, Title: "refused at the gate", Code: pb.Code_CODE_INVALID.String(), Detail: detail, Field: field}
}

// postMessage says something in a conversation.
func (h *handler) postMessage(w http.ResponseWriter, r *http.Request) {
	text, wrong := body(w, r)
	var in struct {
		Text      string      `json:"text"`
		ReplyTo   json.Number `json:"reply_to"`
		DeviceID  string      `json:"device_id"`
		ClientSeq json.Number `json:"client_seq"`
	}
	if wrong == nil {
		wrong = strict(text, &in)
	}
	replyTo, badReply := count(in.ReplyTo)
	clientSeq, badSeq := count(in.ClientSeq)
	if wrong == nil && (badReply || badSeq) {
		wrong = invalid("reply_to and client_seq are counts", "reply_to")
	}
	if wrong != nil {
		write(w, *wrong)
		return
	}
	h.command(w, r, in.DeviceID, &pb.Send{
		ClientSeq:    clientSeq,
		Conversation: r.PathValue("home") + "/" + r.PathValue("conversation"),
		Word:         &pb.Send_Text{Text: &pb.SendText{Text: in.Text, ReplyTo: replyTo}},
	})
}

// postCommand takes any other command: {"device_id": ..., "send": {a Send of send.proto}}.
func (h *handler) postCommand(w http.ResponseWriter, r *http.Request) {
	text, wrong := body(w, r)
	var in struct {
		DeviceID string          `json:"device_id"`
		Send     json.RawMessage `json:"send"`
	}
	if wrong == nil {
		wrong = strict(text, &in)
	}
	send := new(pb.Send)
	if wrong == nil {
		if err := (translate.JSON).Read(in.Send, send); err != nil {
			wrong = invalid(err.Error(), "send")
		}
	}
	if wrong != nil {
		write(w, *wrong)
		return
	}
	h.command(w, r, in.DeviceID, send)
}

// strict reads one piece of JSON in which every field is known.
func strict(text []byte, into any) *problem {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return invalid("not the JSON that this door takes: "+err.Error(), "")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return invalid("something follows the JSON", "")
	}
	return nil
}

// count reads a number that may be written as text, as Protobuf's JSON does.
func count(n json.Number) (value uint64, wrong bool) {
	if n == "" {
		return 0, false
	}
	value, err := strconv.ParseUint(n.String(), 10, 64)
	return value, err != nil
}

// command sends a command. A client that names its device and number may repeat it; for one that does not, the gateway
// has a device of its own, which takes one command of a person at a time.
func (h *handler) command(w http.ResponseWriter, r *http.Request, deviceID string, send *pb.Send) {
	if (deviceID == "") != (send.GetClientSeq() == 0) {
		write(w, *invalid("name both device_id and client_seq, or neither", "client_seq"))
		return
	}
	if deviceID != "" {
		h.send(w, r, deviceID, true, send)
		return
	}
	token, _ := bearer(r)
	user, _, err := h.cfg.Verify(token, h.cfg.Now().UnixMilli())
	if err != nil {
		write(w, problem{Status: http.StatusUnauthorized, Title: "no valid token", Code: pb.Code_CODE_UNAUTHENTICATED.String(), Detail: "send the header Authorization: Bearer TOKEN"})
		return
	}
	own := h.devices.of(user)
	own.Lock()
	defer own.Unlock()
	send.ClientSeq = own.next
	switch used := h.send(w, r, own.id, false, send); used {
	case taken:
		own.next++
	case unknown:
		own.renew()
	}
}

// fate is what became of a device's number.
type fate uint8

const (
	unused  fate = iota // refused at the gate
	taken               // kept by the log
	unknown             // nobody knows
)

// earlier finds the outcome of a command that was sent before: a repeat gets the same answer.
func (l *line) earlier(ctx context.Context, device string, clientSeq uint64) *pb.Event {
	head := l.head.GetInboxSeq()
	if head == 0 {
		return nil
	}
	from := &pb.Cursor{InboxSeq: head - min(head, lookBack), Epoch: l.head.GetEpoch()}
	l.Receive(&pb.ClientFrame{Id: earlierID, Word: &pb.ClientFrame_Difference{Difference: &pb.GetDifference{Cursor: from, Limit: lookBack}}})
	frame := l.next(ctx, answerTo(earlierID))
	for _, event := range frame.GetDifference().GetEvents() {
		early := event.GetRefused().GetReason() == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ // used up nothing
		if event.GetDeviceId() == device && event.GetClientSeq() == clientSeq && !early {
			return event
		}
	}
	return nil
}

// send sends, waits for accepted, then for the outcome, and answers the request.
func (h *handler) send(w http.ResponseWriter, r *http.Request, device string, mayRepeat bool, send *pb.Send) fate {
	ctx, cancel := context.WithTimeout(r.Context(), AnswerIn+OutcomeIn)
	defer cancel()
	l, wrong := h.dial(ctx, r, device, true)
	if wrong != nil {
		write(w, *wrong)
		return unused
	}
	defer l.Disconnect()
	frame := &pb.ClientFrame{Id: wordID, Word: &pb.ClientFrame_Send{Send: send}}
	if mayRepeat && translate.Check(frame) == nil {
		if before := l.earlier(ctx, device, send.GetClientSeq()); before != nil {
			return h.told(w, device, &pb.Accepted{ClientSeq: send.GetClientSeq()}, before)
		}
	}
	l.Receive(frame)
	return h.await(ctx, w, l, device, send)
}

// await waits for accepted, then for the outcome, and answers the request.
func (h *handler) await(ctx context.Context, w http.ResponseWriter, l *line, device string, send *pb.Send) fate {
	var outcome *pb.Event // it may come before accepted does
	waiting, stop := context.WithTimeout(ctx, AnswerIn)
	defer stop()
	frame := l.next(waiting, func(f *pb.ServerFrame) bool {
		if found := outcomeOf(f, device, send.GetClientSeq()); found != nil {
			outcome = found
		}
		return f.GetRe() == wordID || f.GetGoodbye() != nil
	})
	accepted := frame.GetAccepted()
	if accepted == nil {
		write(w, *refusal(frame))
		code := frame.GetRefused().GetCode()
		if frame.GetRefused() == nil || code == pb.Code_CODE_UNAVAILABLE {
			return unknown
		}
		return unused
	}
	waiting, stop = context.WithTimeout(ctx, OutcomeIn)
	defer stop()
	if outcome == nil {
		l.next(waiting, func(f *pb.ServerFrame) bool {
			outcome = outcomeOf(f, device, send.GetClientSeq())
			return outcome != nil || f.GetGoodbye() != nil
		})
	}
	return h.told(w, device, accepted, outcome)
}

// outcomeOf finds the event that a command became.
func outcomeOf(frame *pb.ServerFrame, device string, clientSeq uint64) *pb.Event {
	for _, event := range frame.GetEvents().GetEvents() {
		if event.GetDeviceId() == device && event.GetClientSeq() == clientSeq {
			return event
		}
	}
	return nil
}

// told answers a request: what its command became, or that it is kept and not decided yet.
func (h *handler) told(w http.ResponseWriter, device string, accepted *pb.Accepted, outcome *pb.Event) fate {
	if outcome.GetRefused() != nil {
		write(w, *rejection(outcome))
		if outcome.GetRefused().GetReason() == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
			return unknown
		}
		return taken
	}
	out := struct {
		Conversation string          `json:"conversation,omitempty"`
		Seq          uint64          `json:"seq,omitempty"`
		Number       uint64          `json:"number,omitempty"`
		InboxSeq     uint64          `json:"inbox_seq,omitempty"`
		DeviceID     string          `json:"device_id"`
		ClientSeq    uint64          `json:"client_seq"`
		Event        json.RawMessage `json:"event,omitempty"`
	}{Conversation: accepted.GetConversation(), DeviceID: device, ClientSeq: accepted.GetClientSeq()}
	status := http.StatusAccepted
	if outcome != nil {
		status = http.StatusOK
		out.Conversation, out.Seq, out.Number, out.InboxSeq = outcome.GetConversation(), outcome.GetSeq(), outcome.GetNumber(), outcome.GetInboxSeq()
		out.Event, _ = protojson.Marshal(outcome)
	}
	answer(w, status, out)
	return taken
}

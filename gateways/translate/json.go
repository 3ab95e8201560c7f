// JSON of messages, receipts and acceptances by hand: they are most of what is sent, and the library, which encodes everything,
// takes many times as long.

package translate

import (
	"strconv"
	"unicode/utf8"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// appendJSON encodes a frame of messages and receipts, or an acceptance, as the library would. false = the library has to.
func appendJSON(to []byte, frame *pb.ServerFrame) ([]byte, bool) {
	w := object{bytes: append(to, '{')}
	w.count("re", frame.GetRe())
	switch payload := frame.GetWord().(type) {
	case *pb.ServerFrame_Accepted:
		w.open("accepted", '{')
		w.count("clientSeq", payload.Accepted.GetClientSeq())
		w.text("conversation", payload.Accepted.GetConversation())
		w.close('}')
	case *pb.ServerFrame_Events:
		w.open("events", '{')
		w.open("events", '[')
		for i, event := range payload.Events.GetEvents() {
			if i > 0 {
				w.bytes = append(w.bytes, ',')
			}
			w.event(event)
		}
		w.close(']')
		w.close('}')
		w.foreign = w.foreign || len(payload.Events.GetEvents()) == 0
	default:
		return to, false
	}
	w.close('}')
	return w.bytes, !w.foreign
}

// object is JSON in the making: fields in the order of their numbers, without those that are zero, 64 bits as text.
type object struct {
	bytes   []byte
	foreign bool // the library has to encode it
}

func (w *object) event(event *pb.Event) {
	w.bytes = append(w.bytes, '{')
	w.count("inboxSeq", event.GetInboxSeq())
	w.count("epoch", event.GetEpoch())
	w.time("timeMs", event.GetTimeMs())
	w.text("conversation", event.GetConversation())
	w.count("seq", event.GetSeq())
	w.count("number", event.GetNumber())
	w.text("user", event.GetUser())
	w.text("deviceId", event.GetDeviceId())
	w.count("clientSeq", event.GetClientSeq())
	switch payload := event.GetWord().(type) {
	case *pb.Event_Message:
		w.message(payload.Message)
	case *pb.Event_Receipt:
		w.receipt(payload.Receipt)
	default:
		w.foreign = true
	}
	w.close('}')
}

func (w *object) message(m *pb.Message) {
	w.open("message", '{')
	w.count("number", m.GetNumber())
	w.count("seq", m.GetSeq())
	w.text("sender", m.GetSender())
	w.time("timeMs", m.GetTimeMs())
	w.text("text", m.GetText())
	w.count("replyTo", m.GetReplyTo())
	if m.GetErased() {
		w.key("erased")
		w.bytes = append(w.bytes, "true"...)
	}
	w.close('}')
}

func (w *object) receipt(r *pb.Receipt) {
	w.open("receipt", '{')
	w.text("conversation", r.GetConversation())
	w.text("user", r.GetUser())
	if marks := r.GetMarks(); marks != nil {
		w.open("marks", '{')
		w.count("delivered", marks.GetDelivered())
		w.count("read", marks.GetRead())
		w.close('}')
	}
	w.close('}')
}

func (w *object) key(name string) {
	if w.bytes[len(w.bytes)-1] != '{' {
		w.bytes = append(w.bytes, ',')
	}
	w.bytes = append(append(append(w.bytes, '"'), name...), '"', ':')
}

func (w *object) open(name string, bracket byte) {
	w.key(name)
	w.bytes = append(w.bytes, bracket)
}

func (w *object) close(bracket byte) { w.bytes = append(w.bytes, bracket) }

func (w *object) count(name string, n uint64) {
	if n != 0 {
		w.open(name, '"')
		w.bytes = append(strconv.AppendUint(w.bytes, n, 10), '"')
	}
}

func (w *object) time(name string, n int64) {
	if n != 0 {
		w.open(name, '"')
		w.bytes = append(strconv.AppendInt(w.bytes, n, 10), '"')
	}
}

// text writes what is UTF-8; the library reports what is wrong with anything else.
func (w *object) text(name, s string) {
	if s == "" {
		return
	}
	if !utf8.ValidString(s) {
		w.foreign = true
		return
	}
	w.open(name, '"')
	from := 0
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			const hex = "0123456789abcdef"
			w.bytes = append(append(w.bytes, s[from:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
			from = i + 1
		}
	}
	w.bytes = append(append(w.bytes, s[from:]...), '"')
}

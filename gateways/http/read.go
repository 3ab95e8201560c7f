// Reads over HTTP: one question, one answer, as the frame that a socket would get.

package http

import (
	"encoding/json"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// answer writes JSON that nobody keeps.
func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		write(w, problem{Status: http.StatusInternalServerError, Title: "the answer could not be written"})
		return
	}
	answerText(w, status, text)
}

func answerText(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that is gone needs no answer
}

func answerMessage(w http.ResponseWriter, m proto.Message) {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		write(w, problem{Status: http.StatusInternalServerError, Title: "the answer could not be written"})
		return
	}
	answerText(w, http.StatusOK, text)
}

// numbers reads counts of the query; anything else in it is refused, a token above all.
func numbers(w http.ResponseWriter, r *http.Request, names ...string) (map[string]uint64, bool) {
	out := make(map[string]uint64)
	for name, values := range r.URL.Query() {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		value, err := strconv.ParseUint(values[0], 10, 64)
		if !known || len(values) != 1 || err != nil {
			write(w, *invalid("the query takes only counts of its own", name))
			return nil, false
		}
		out[name] = value
	}
	if out["limit"] > 1<<31 {
		out["limit"] = 1 << 31 // far over every limit: the rules of the frame refuse it
	}
	return out, true
}

func conversation(r *http.Request) string {
	return r.PathValue("home") + "/" + r.PathValue("conversation")
}

func (h *handler) getMessages(w http.ResponseWriter, r *http.Request) {
	if q, ok := numbers(w, r, "before", "limit"); ok {
		frame := h.one(w, r, &pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{
			Conversation: conversation(r), BeforeNumber: q["before"], Limit: uint32(q["limit"])}}})
		if frame != nil {
			answerMessage(w, frame.GetHistory())
		}
	}
}

func (h *handler) getMembers(w http.ResponseWriter, r *http.Request) {
	if _, ok := numbers(w, r); ok {
		frame := h.one(w, r, &pb.ClientFrame{Word: &pb.ClientFrame_Members{Members: &pb.GetMembers{Conversation: conversation(r)}}})
		if frame != nil {
			answerMessage(w, frame.GetMembers())
		}
	}
}

func (h *handler) getConversations(w http.ResponseWriter, r *http.Request) {
	if q, ok := numbers(w, r, "limit"); ok {
		frame := h.one(w, r, &pb.ClientFrame{Word: &pb.ClientFrame_Snapshot{Snapshot: &pb.GetSnapshot{Limit: uint32(q["limit"])}}})
		if frame != nil {
			answerMessage(w, frame.GetSnapshot())
		}
	}
}

func (h *handler) getInbox(w http.ResponseWriter, r *http.Request) {
	if q, ok := numbers(w, r, "after", "epoch", "limit"); ok {
		if _, named := q["epoch"]; !named && q["after"] > 0 {
			q["epoch"] = 1
		}
		frame := h.one(w, r, &pb.ClientFrame{Word: &pb.ClientFrame_Difference{Difference: &pb.GetDifference{
			Cursor: &pb.Cursor{InboxSeq: q["after"], Epoch: q["epoch"]}, Limit: uint32(q["limit"])}}})
		if frame != nil {
			answerMessage(w, frame.GetDifference())
		}
	}
}

// The suite of carriers, over HTTP requests.

package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/carriertest"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestCarrier(t *testing.T) {
	carriertest.Run(t, carriertest.Carrier{
		Pushes: false, // a request has one answer
		Full:   http.StatusServiceUnavailable,
		Ends:   map[session.Reason]int{session.Unauthenticated: http.StatusUnauthorized, session.Overwhelmed: http.StatusServiceUnavailable},
		Bad: map[string]string{
			"not JSON":              `{"send":`,
			"something behind":      `{"send":{}} {}`,
			"unknown field":         `{"text":"x","sender":"bob"}`,
			"bad UTF-8":             "{\"text\":\"\xff\"}",
			"unknown word":          `{"send":{"fly":{}}}`,
			"operators in a string": `{"send":{"conversation":{"$ne":1}}}`,
		},
		Serve: func(t testing.TB, w *carriertest.World) carriertest.Dial {
			s := serve(t, w)
			return func(token, device string, _ *pb.Cursor) (carriertest.Client, error) {
				return &requester{s: s, token: token, device: device}, nil
			}
		},
	})
}

// requester makes a request of each frame.
type requester struct {
	s             *served
	token, device string
	events        []*pb.Event // outcomes
}

func (r *requester) Ask(frame *pb.ClientFrame) (*pb.ServerFrame, error) {
	switch payload := frame.GetWord().(type) {
	case *pb.ClientFrame_Send:
		send, err := protojson.Marshal(payload.Send)
		if err != nil {
			return nil, err
		}
		return r.Raw(fmt.Sprintf(`{"device_id":%q,"send":%s}`, r.device, send))
	case *pb.ClientFrame_Snapshot:
		snapshot := new(pb.Snapshot)
		return r.get("/v1/conversations", snapshot, &pb.ServerFrame{Word: &pb.ServerFrame_Snapshot{Snapshot: snapshot}})
	case *pb.ClientFrame_History:
		history := new(pb.History)
		return r.get("/v1/conversations/"+payload.History.GetConversation()+"/messages", history, &pb.ServerFrame{Word: &pb.ServerFrame_History{History: history}})
	case *pb.ClientFrame_Difference:
		difference, from := new(pb.Difference), payload.Difference.GetCursor()
		return r.get(fmt.Sprintf("/v1/inbox?after=%d&epoch=%d&limit=%d", from.GetInboxSeq(), from.GetEpoch(), payload.Difference.GetLimit()),
			difference, &pb.ServerFrame{Word: &pb.ServerFrame_Difference{Difference: difference}})
	}
	return nil, fmt.Errorf("no request for %T", frame.GetWord())
}

// get reads an answer into the frame that holds it.
func (r *requester) get(path string, into proto.Message, frame *pb.ServerFrame) (*pb.ServerFrame, error) {
	status, header, text := r.s.call("GET", path, r.token, "")
	if status == http.StatusOK {
		return frame, protojson.Unmarshal([]byte(text), into)
	}
	var problem answered
	if err := json.Unmarshal([]byte(text), &problem); err != nil {
		return nil, err
	}
	return refused(status, header, problem)
}

// Raw posts a command.
func (r *requester) Raw(body string) (*pb.ServerFrame, error) {
	status, header, out := r.s.postWith("/v1/commands", r.token, body)
	accepted := &pb.ServerFrame{Word: &pb.ServerFrame_Accepted{Accepted: &pb.Accepted{ClientSeq: out.ClientSeq, Conversation: out.Conversation}}}
	switch {
	case status == http.StatusOK:
		event := new(pb.Event)
		if err := protojson.Unmarshal(out.Event, event); err != nil {
			return nil, err
		}
		r.events = append(r.events, event)
		return accepted, nil
	case out.Reason != "": // accepted, and refused by the log
		r.events = append(r.events, &pb.Event{ClientSeq: out.ClientSeq, Word: &pb.Event_Refused{Refused: &pb.EventRefused{Reason: pb.Reason(pb.Reason_value[out.Reason])}}})
		return accepted, nil
	}
	return refused(status, header, out)
}

// refused is the frame of a problem. A request that got no answer of a session has ended.
func refused(status int, header http.Header, problem answered) (*pb.ServerFrame, error) {
	if status == http.StatusUnauthorized || problem.Title != "refused at the gate" {
		return nil, &carriertest.Ended{Code: status}
	}
	retry, _ := strconv.Atoi(header.Get("Retry-After"))
	return &pb.ServerFrame{Word: &pb.ServerFrame_Refused{Refused: &pb.Refused{Code: pb.Code(pb.Code_value[problem.Code]), Detail: problem.Detail,
		Field: problem.Field, ClientSeq: problem.ClientSeq, RetryAfterMs: uint32(retry) * 1000}}}, nil
}

func (r *requester) Event() (*pb.Event, error) {
	if len(r.events) == 0 {
		return nil, errors.New("no outcome is left")
	}
	event := r.events[0]
	r.events = r.events[1:]
	return event, nil
}

func (r *requester) Close() {}

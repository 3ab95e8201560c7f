// Problems (RFC 9457): what went wrong, and what to do about it.

package http

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// problem is the body of an error. Type stays "about:blank": the code says more.
type problem struct {
	Type              string `json:"type"`
	Title             string `json:"title"`
	Status            int    `json:"status"`
	Detail            string `json:"detail,omitempty"`
	Code              string `json:"code,omitempty"`   // of the gate
	Reason            string `json:"reason,omitempty"` // of the log
	Field             string `json:"field,omitempty"`
	ClientSeq         uint64 `json:"client_seq,omitempty"`
	ExpectedClientSeq uint64 `json:"expected_client_seq,omitempty"`
	retryMS           uint32
}

func write(w http.ResponseWriter, p problem) {
	p.Type = "about:blank"
	p.Detail = translate.Bounded(p.Detail)
	body, err := json.Marshal(p)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="parley"`)
	}
	if p.retryMS > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retryMS+999)/1000))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}

// refusal is what a frame says that is no answer; nil = none came in time.
func refusal(frame *pb.ServerFrame) *problem {
	refused := frame.GetRefused()
	if refused == nil {
		return &problem{Status: http.StatusServiceUnavailable, Title: "no answer in time", Code: pb.Code_CODE_UNAVAILABLE.String(),
			Detail: "send it again; a command with the same device_id and client_seq is taken once", retryMS: 1000}
	}
	statuses := map[pb.Code]int{
		pb.Code_CODE_INVALID:         http.StatusBadRequest,
		pb.Code_CODE_TOO_LARGE:       http.StatusRequestEntityTooLarge,
		pb.Code_CODE_UNAUTHENTICATED: http.StatusUnauthorized,
		pb.Code_CODE_NOT_FOUND:       http.StatusNotFound,
		pb.Code_CODE_OVERLOADED:      http.StatusTooManyRequests,
		pb.Code_CODE_UNAVAILABLE:     http.StatusServiceUnavailable,
		pb.Code_CODE_OUT_OF_ORDER:    http.StatusConflict,
	}
	status, ok := statuses[refused.GetCode()]
	if !ok {
		status = http.StatusInternalServerError
	}
	return &problem{Status: status, Title: "refused at the gate", Code: refused.GetCode().String(), Detail: refused.GetDetail(),
		Field: refused.GetField(), ClientSeq: refused.GetClientSeq(), retryMS: refused.GetRetryAfterMs()}
}

// rejection is what the log said to a command.
func rejection(event *pb.Event) *problem {
	refused := event.GetRefused()
	statuses := map[pb.Reason]int{
		pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ: http.StatusConflict,
		pb.Reason_REASON_RATE_LIMITED:              http.StatusTooManyRequests,
		pb.Reason_REASON_SUSPENDED:                 http.StatusForbidden,
		pb.Reason_REASON_TOO_MANY_DEVICES:          http.StatusConflict,
		pb.Reason_REASON_NOT_A_MEMBER:              http.StatusForbidden,
		pb.Reason_REASON_NOT_ALLOWED:               http.StatusForbidden,
		pb.Reason_REASON_ALREADY_EXISTS:            http.StatusConflict,
		pb.Reason_REASON_PERSON_UNAVAILABLE:        http.StatusNotFound,
		pb.Reason_REASON_LIMIT_REACHED:             http.StatusConflict,
		pb.Reason_REASON_NOT_FOUND:                 http.StatusNotFound,
		pb.Reason_REASON_INVALID:                   http.StatusUnprocessableEntity,
		pb.Reason_REASON_BLOCKED:                   http.StatusForbidden,
	}
	status, ok := statuses[refused.GetReason()]
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	p := &problem{Status: status, Title: "refused by the log", Reason: refused.GetReason().String(), Detail: "the command was kept and refused; its number is used up",
		ClientSeq: event.GetClientSeq(), ExpectedClientSeq: refused.GetExpectedClientSeq()}
	if refused.GetReason() == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
		p.Detail = "the device's next number is expected_client_seq: send from there, in order"
	}
	if status == http.StatusTooManyRequests {
		p.retryMS = 1000
	}
	return p
}

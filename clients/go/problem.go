// Problems of the HTTP interface (RFC 9457) as errors.

package parley

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Problem is an error that the gateway answered with. Code is set when the gateway refused the request; Reason when the
// command was accepted and then refused by the log, which used its number.
type Problem struct {
	Status            int
	Title             string
	Detail            string // what to do about it
	Code              pb.Code
	Reason            pb.Reason
	Field             string // path of the invalid field, if any
	ClientSeq         uint64
	ExpectedClientSeq uint64        // with REASON_EXPECTED_OTHER_CLIENT_SEQ, the number to send next
	RetryAfter        time.Duration // 0 = a retry does not help
}

func (p *Problem) Error() string {
	why := p.Title
	switch {
	case p.Reason != 0:
		why = p.Reason.String()
	case p.Code != 0:
		why = p.Code.String()
	}
	return fmt.Sprintf("parley: %d %s: %s", p.Status, why, p.Detail)
}

// problemIn reads the body of an error; what is no problem becomes one with the status alone.
func problemIn(answer *http.Response, body []byte) *Problem {
	var in struct {
		Title             string `json:"title"`
		Detail            string `json:"detail"`
		Code              string `json:"code"`
		Reason            string `json:"reason"`
		Field             string `json:"field"`
		ClientSeq         uint64 `json:"client_seq"`
		ExpectedClientSeq uint64 `json:"expected_client_seq"`
	}
	if json.Unmarshal(body, &in) != nil || in.Title == "" {
		in.Title = http.StatusText(answer.StatusCode)
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")) // 0 when there is none
	return &Problem{
		Status: answer.StatusCode, Title: in.Title, Detail: in.Detail,
		Code: pb.Code(pb.Code_value[in.Code]), Reason: pb.Reason(pb.Reason_value[in.Reason]),
		Field: in.Field, ClientSeq: in.ClientSeq, ExpectedClientSeq: in.ExpectedClientSeq,
		RetryAfter: time.Duration(seconds) * time.Second,
	}
}

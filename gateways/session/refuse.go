// Refusals at the gate: typed, with what to do about it. They consume no number of the client.

package session

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"buf.build/go/protovalidate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Check holds a frame against the rules that stand in client.proto and send.proto. nil = it keeps them.
func Check(frame *pb.ClientFrame) *pb.Refused {
	if plain(frame) {
		return nil
	}
	err := protovalidate.Validate(frame, protovalidate.WithFailFast())
	if err == nil {
		return nil
	}
	field, detail := "", err.Error()
	var broken *protovalidate.ValidationError
	if errors.As(err, &broken) && len(broken.Violations) > 0 {
		first := broken.Violations[0].Proto
		field, detail = protovalidate.FieldPathString(first.GetField()), first.GetMessage()
		if detail == "" {
			detail = "breaks the rule " + first.GetRuleId()
		}
	}
	return refusalFor(frame, pb.Code_CODE_INVALID, detail, field, 0)
}

// refusalFor refuses a frame and names its client_seq where it has one.
func refusalFor(frame *pb.ClientFrame, code pb.Code, detail, field string, retryMS uint32) *pb.Refused {
	return &pb.Refused{Code: code, Detail: Bounded(detail), Field: Bounded(field), RetryAfterMs: retryMS,
		ClientSeq: frame.GetSend().GetClientSeq()}
}

// refuse tells the client.
func (s *Session) refuse(re uint64, r *pb.Refused) {
	s.say(&pb.ServerFrame{Re: re, Word: &pb.ServerFrame_Refused{Refused: r}})
}

// unavailable refuses a question that the views did not answer.
func (s *Session) unavailable(re uint64) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_UNAVAILABLE, RetryAfterMs: RepairMS * 5,
		Detail: "the views do not answer now: ask again"})
}

// notFound refuses what is not there or not for this person; both look the same.
func (s *Session) notFound(re uint64, field string) {
	s.refuse(re, &pb.Refused{Code: pb.Code_CODE_NOT_FOUND, Field: field, Detail: "no such conversation, or you are not a member"})
}

// Bounded cuts an explanation to its limit, at a rune, and takes control characters out.
func Bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) <= MaxDetail {
		return text
	}
	text = text[:MaxDetail]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}

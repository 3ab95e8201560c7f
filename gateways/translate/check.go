// Checks and refusals: a frame that breaks a rule of the schema is refused with what to do about it, and uses up no number.

package translate

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"buf.build/go/protovalidate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Check validates a frame against the rules of client.proto and send.proto. nil = it keeps them.
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
	return Refusal(frame, pb.Code_CODE_INVALID, detail, field, 0)
}

// Refusal refuses a frame, with its client_seq where it has one.
func Refusal(frame *pb.ClientFrame, code pb.Code, detail, field string, retryMS uint32) *pb.Refused {
	return &pb.Refused{Code: code, Detail: Bounded(detail), Field: Bounded(field), RetryAfterMs: retryMS,
		ClientSeq: frame.GetSend().GetClientSeq()}
}

// Bounded cuts an explanation to its limit, at a rune, and replaces control characters.
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

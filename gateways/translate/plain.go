// Fast paths for the most frequent frames, texts and marks: they are checked and decoded without the library, which takes forty
// times as long. Whatever is in doubt is left to the library.

package translate

import (
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const maxText = 16_384 // bytes of a text, as SendText has it

// plain reports that a frame is a text or a mark and keeps all its rules. false means that it is not known.
func plain(frame *pb.ClientFrame) bool {
	switch payload := frame.GetWord().(type) {
	case *pb.ClientFrame_Send:
		text, ok := payload.Send.GetWord().(*pb.Send_Text)
		return ok && payload.Send.GetClientSeq() > 0 && namesConversation(payload.Send.GetConversation()) &&
			text.Text.GetText() != "" && len(text.Text.GetText()) <= maxText
	case *pb.ClientFrame_Seen:
		return payload.Seen.GetMarks() != nil && namesConversation(payload.Seen.GetConversation())
	}
	return false
}

// readPlain decodes a text without the library's reflection. false means that the library has to decode the bytes: they are
// not the shortest encoding, have unknown fields, or are not a text that keeps the rules.
func readPlain(b []byte) (*pb.ClientFrame, bool) {
	f := new(textFrame)
	f.frame.Word, f.payload.Send = &f.payload, &f.send // which are read into, when it is a text
	f.send.Word, f.text.Text = &f.text, &f.body
	if f.frame.UnmarshalVT(b) != nil || f.frame.Word != &f.payload || f.send.Word != &f.text || !plain(&f.frame) ||
		!utf8.ValidString(f.body.Text) || f.frame.SizeVT() != len(b) {
		return nil, false
	}
	unknown := len(f.frame.ProtoReflect().GetUnknown()) + len(f.send.ProtoReflect().GetUnknown()) + len(f.body.ProtoReflect().GetUnknown())
	return &f.frame, unknown == 0
}

// textFrame is a frame that sends a text, and its parts, in one allocation.
type textFrame struct {
	frame   pb.ClientFrame
	payload pb.ClientFrame_Send
	send    pb.Send
	text    pb.Send_Text
	body    pb.SendText
}

// namesConversation matches home/conversation as the pattern in send.proto does; whether it can exist is checked later.
func namesConversation(s string) bool {
	home, rest, ok := strings.Cut(s, "/")
	return ok && name.ValidID(home) && name.ValidID(rest)
}

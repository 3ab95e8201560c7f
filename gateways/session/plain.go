// Frames that come all the time are held against their rules at a glance: whoever is in doubt asks the library, which takes
// forty times as long.

package session

import (
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley/schemas/name"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const maxText = 16_384 // bytes of a text, as SendText has it

// plain says that a frame is a text or a mark and keeps all its rules. false says nothing about it.
func plain(frame *pb.ClientFrame) bool {
	switch word := frame.GetWord().(type) {
	case *pb.ClientFrame_Send:
		text, ok := word.Send.GetWord().(*pb.Send_Text)
		return ok && word.Send.GetClientSeq() > 0 && namesConversation(word.Send.GetConversation()) &&
			text.Text.GetText() != "" && len(text.Text.GetText()) <= maxText
	case *pb.ClientFrame_Seen:
		return word.Seen.GetMarks() != nil && namesConversation(word.Seen.GetConversation())
	}
	return false
}

// readPlain reads a text without the library, which looks every field up. false says nothing about the bytes: they are written
// in another way than the shortest, hold what is not known here, or are no text that keeps the rules.
func readPlain(b []byte) (*pb.ClientFrame, bool) {
	f := new(textFrame)
	f.frame.Word, f.word.Send = &f.word, &f.send // which are read into, when it is a text
	f.send.Word, f.text.Text = &f.text, &f.said
	if f.frame.UnmarshalVT(b) != nil || f.frame.Word != &f.word || f.send.Word != &f.text || !plain(&f.frame) ||
		!utf8.ValidString(f.said.Text) || f.frame.SizeVT() != len(b) {
		return nil, false
	}
	unknown := len(f.frame.ProtoReflect().GetUnknown()) + len(f.send.ProtoReflect().GetUnknown()) + len(f.said.ProtoReflect().GetUnknown())
	return &f.frame, unknown == 0
}

// textFrame is a frame that says a text, and its parts, in one piece of memory.
type textFrame struct {
	frame pb.ClientFrame
	word  pb.ClientFrame_Send
	send  pb.Send
	text  pb.Send_Text
	said  pb.SendText
}

// namesConversation reads home/conversation as the pattern in send.proto does; whether there can be one is asked later.
func namesConversation(s string) bool {
	home, rest, ok := strings.Cut(s, "/")
	return ok && name.ValidID(home) && name.ValidID(rest)
}

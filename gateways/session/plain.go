// Frames that come all the time are held against their rules at a glance: whoever is in doubt asks the library, which takes
// forty times as long.

package session

import (
	"strings"

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

// namesConversation reads home/conversation as the pattern in frame.proto does; whether there can be one is asked later.
func namesConversation(s string) bool {
	home, rest, ok := strings.Cut(s, "/")
	return ok && name.ValidID(home) && name.ValidID(rest)
}

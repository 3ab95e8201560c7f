// Deciding: the next number, and the same word under it.

package inbox

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Decide numbers one word. It never looks into it: the hall gives it words that are not opened.
func Decide(row *pb.InboxRow, in *pb.InboxCommand, stamp Stamp) Decision {
	if !name.ValidPerson(stamp.Key) {
		return Decision{Malformed: "the key is not the id of a person"}
	}
	event := &pb.InboxEvent{InboxSeq: 1, Epoch: stamp.Epoch, TimeMs: stamp.TimeMs}
	if row.GetEpoch() == stamp.Epoch {
		event.InboxSeq = row.GetInboxSeq() + 1
	}
	switch word := in.Word.(type) {
	case *pb.InboxCommand_Conversation:
		event.Word = &pb.InboxEvent_Conversation{Conversation: word.Conversation}
	case *pb.InboxCommand_Account:
		event.Word = &pb.InboxEvent_Account{Account: word.Account}
	case *pb.InboxCommand_Receipt:
		event.Word = &pb.InboxEvent_Receipt{Receipt: word.Receipt}
	case *pb.InboxCommand_Refused:
		event.Word = &pb.InboxEvent_Refused{Refused: word.Refused}
	default:
		return Decision{Malformed: "the word is not for an inbox"}
	}
	return Decision{Events: []Event{{Said: event}}, Outputs: []Output{{stamp.Key, event}}}
}

// Deciding: whether a mark rises, and who hears of it.

package bookmark

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Decide raises the marks. What raises nothing is taken without a word.
func Decide(row *pb.BookmarkRow, in *pb.BookmarkCommand, stamp Stamp) Decision {
	user, conversation, ok := name.SplitBookmark(stamp.Key)
	if !ok || !name.ValidPerson(user) {
		return Decision{Malformed: "the key is not user/home/conversation"}
	}
	peer := name.Peer(conversation, user)
	if !name.IsGroup(conversation) && (!name.ValidPerson(peer) || peer == user) {
		return Decision{Malformed: "the person is not one of the two people of a direct conversation"}
	}
	if in.GetSeen() == nil {
		return Decision{Malformed: "the word is not for a bookmark"}
	}
	had, seen := row.GetMarks(), in.GetSeen().Marks
	read := max(had.GetRead(), seen.GetRead())
	delivered := max(had.GetDelivered(), seen.GetDelivered(), read) // who has read a message has received it
	if read == had.GetRead() && delivered == had.GetDelivered() {
		return Decision{}
	}
	marks := &pb.Marks{Delivered: delivered, Read: read}
	event := &pb.BookmarkEvent{
		Version: row.GetVersion() + 1,
		TimeMs:  stamp.TimeMs,
		Word:    &pb.BookmarkEvent_MarksRaised{MarksRaised: &pb.MarksRaised{Marks: marks}},
	}
	receipt := &pb.InboxCommand{Word: &pb.InboxCommand_Receipt{
		Receipt: &pb.ReceiptSaid{Conversation: conversation, User: user, Marks: marks},
	}}
	outputs := []Output{{stamp.Key, event}, {user, receipt}} // the person's other devices hear of it too
	if peer != "" {
		outputs = append(outputs, Output{peer, receipt})
	}
	return Decision{Events: []Event{{Said: event}}, Outputs: outputs}
}

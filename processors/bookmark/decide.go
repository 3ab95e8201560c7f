// Deciding: whether a mark rises, and who hears of it.

package bookmark

import (
	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Decide raises the marks. What raises nothing is taken without a word.
func Decide(row *parleyv1.BookmarkRow, in *parleyv1.BookmarkCommand, stamp Stamp) Decision {
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
	marks := &parleyv1.Marks{Delivered: delivered, Read: read}
	event := &parleyv1.BookmarkEvent{
		Version: row.GetVersion() + 1,
		TimeMs:  stamp.TimeMs,
		Word:    &parleyv1.BookmarkEvent_MarksRaised{MarksRaised: &parleyv1.MarksRaised{Marks: marks}},
	}
	receipt := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Receipt{
		Receipt: &parleyv1.ReceiptSaid{Conversation: conversation, User: user, Marks: marks},
	}}
	outputs := []Output{{stamp.Key, event}, {user, receipt}} // the person's other devices hear of it too
	if peer != "" {
		outputs = append(outputs, Output{peer, receipt})
	}
	return Decision{Events: []Event{{Said: event}}, Outputs: outputs}
}

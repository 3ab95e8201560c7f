// Package bookmark keeps how far one person has received and read one conversation: two marks that only ever rise, so
// that a repeat, a late one or one from another device does no harm.
//
// A bookmark sees no conversation, so it cannot know whether the person is a member: its marks count only beside a
// membership, and the gateways let only members write them. Marks of a direct conversation can come from its two people
// alone, because the key names them.
package bookmark

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Machine is the bookmark.
var Machine = machine.Frame[pb.BookmarkRow, *pb.BookmarkCommand]{
	Decode:  machine.Decode[pb.BookmarkCommand],
	Payload: func(in *pb.BookmarkCommand) any { return in.Word },
	State:   (*pb.Row).GetBookmark,
	Put:     func(row *pb.Row, state *pb.BookmarkRow) { row.State = &pb.Row_Bookmark{Bookmark: state} },
	Decide:  Decide,
	Copy:    machine.Clone[pb.BookmarkRow],
}

type (
	decision = machine.Decision[pb.BookmarkRow]
	event    = machine.Event[pb.BookmarkRow]
)

// raised is an event of bookmark.events.
type raised struct{ *pb.BookmarkEvent }

// Apply implements machine.Event.
func (e raised) Apply(row *pb.BookmarkRow) {
	row.Version = e.Version
	row.Marks = e.GetMarksRaised().GetMarks()
}

// Decide raises the marks. A command that raises nothing is applied without an event.
func Decide(row *pb.BookmarkRow, in *pb.BookmarkCommand, stamp machine.Stamp) decision {
	user, conversation, ok := name.SplitBookmark(stamp.Key)
	if !ok || !name.ValidPerson(user) {
		return decision{Malformed: "the key is not user/home/conversation"}
	}
	peer := name.Peer(conversation, user)
	if !name.IsGroup(conversation) && (!name.ValidPerson(peer) || peer == user) {
		return decision{Malformed: "the person is not one of the two people of a direct conversation"}
	}
	if in.GetSeen() == nil {
		return decision{Malformed: "the word is not for a bookmark"}
	}
	had, seen := row.GetMarks(), in.GetSeen().Marks
	read := max(had.GetRead(), seen.GetRead())
	delivered := max(had.GetDelivered(), seen.GetDelivered(), read) // who has read a message has received it
	if read == had.GetRead() && delivered == had.GetDelivered() {
		return decision{}
	}
	marks := &pb.Marks{Delivered: delivered, Read: read}
	emitted := &pb.BookmarkEvent{
		Version: row.GetVersion() + 1,
		TimeMs:  stamp.TimeMs,
		Word:    &pb.BookmarkEvent_MarksRaised{MarksRaised: &pb.MarksRaised{Marks: marks}},
	}
	receipt := &pb.InboxCommand{Word: &pb.InboxCommand_Receipt{
		Receipt: &pb.ReceiptSaid{Conversation: conversation, User: user, Marks: marks},
	}}
	outputs := []machine.Output{{Key: stamp.Key, Message: emitted}, {Key: user, Message: receipt}} // the person's other devices are told too
	if peer != "" {
		outputs = append(outputs, machine.Output{Key: peer, Message: receipt})
	}
	return decision{Events: []event{raised{emitted}}, Outputs: outputs}
}

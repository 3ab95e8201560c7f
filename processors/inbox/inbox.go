// Package inbox gives everything that a person is told one dense number: whoever has n and n+2 knows that n+1 is missing,
// and whoever has n needs to ask for nothing older.
//
//	inbox.go    the numbers
//	command.go  commands whose payload is passed on undecoded
package inbox

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Machine is the inbox.
var Machine = machine.Frame[pb.InboxRow, *Command]{
	Decode:  Open,
	Payload: func(in *Command) any { return in.Word },
	State:   (*pb.Row).GetInbox,
	Put:     func(row *pb.Row, state *pb.InboxRow) { row.State = &pb.Row_Inbox{Inbox: state} },
	Decide: func(row *pb.InboxRow, in *Command, stamp machine.Stamp) decision {
		return Decide(row, &in.InboxCommand, stamp)
	},
	Copy: machine.Clone[pb.InboxRow],
}

type (
	decision = machine.Decision[pb.InboxRow]
	event    = machine.Event[pb.InboxRow]
)

// numbered is an event of inbox.events.
type numbered struct{ *pb.InboxEvent }

// Apply implements machine.Event.
func (e numbered) Apply(row *pb.InboxRow) { row.InboxSeq, row.Epoch = e.InboxSeq, e.Epoch }

// Decide numbers one payload. It never looks into it: payloads may be undecoded.
func Decide(row *pb.InboxRow, in *pb.InboxCommand, stamp machine.Stamp) decision {
	if !name.ValidPerson(stamp.Key) {
		return decision{Malformed: "the key is not the id of a person"}
	}
	next := &pb.InboxEvent{InboxSeq: 1, Epoch: stamp.Epoch, TimeMs: stamp.TimeMs}
	if row.GetEpoch() == stamp.Epoch {
		next.InboxSeq = row.GetInboxSeq() + 1
	}
	switch payload := in.Word.(type) {
	case *pb.InboxCommand_Conversation:
		next.Word = &pb.InboxEvent_Conversation{Conversation: payload.Conversation}
	case *pb.InboxCommand_Account:
		next.Word = &pb.InboxEvent_Account{Account: payload.Account}
	case *pb.InboxCommand_Receipt:
		next.Word = &pb.InboxEvent_Receipt{Receipt: payload.Receipt}
	case *pb.InboxCommand_Refused:
		next.Word = &pb.InboxEvent_Refused{Refused: payload.Refused}
	default:
		return decision{Malformed: "the word is not for an inbox"}
	}
	return decision{Events: []event{numbered{next}}, Outputs: []machine.Output{{Key: stamp.Key, Message: next}}}
}

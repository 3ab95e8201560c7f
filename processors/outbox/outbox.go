// Package outbox is where every command of a person enters the log: in each device's own order, at a bounded rate, and
// only in good standing. It decides who may send now, never what is asked: that is for the machine to which it passes the
// command on.
//
//	outbox.go   the commands of the log
//	device.go   devices and their numbers
//	rate.go     the rate limit
//	request.go  what is passed on, and its upper bounds
package outbox

import (
	"slices"

	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Machine is the outbox. It has no event topic: its events stay inside.
var Machine = machine.Frame[pb.OutboxRow, *pb.OutboxCommand]{
	Decode:  machine.Decode[pb.OutboxCommand],
	Payload: func(in *pb.OutboxCommand) any { return in.Word },
	State:   (*pb.Row).GetOutbox,
	Put:     func(row *pb.Row, state *pb.OutboxRow) { row.State = &pb.Row_Outbox{Outbox: state} },
	Decide:  Decide,
	Copy:    copied,
}

type (
	decision = machine.Decision[pb.OutboxRow]
	event    = machine.Event[pb.OutboxRow]
)

// copied is the row with a list of its own, of the same devices: whoever changes one puts another in its place.
func copied(row *pb.OutboxRow) *pb.OutboxRow {
	next := &pb.OutboxRow{
		Devices: slices.Clone(row.GetDevices()), RateMillitokens: row.GetRateMillitokens(), RateAtMs: row.GetRateAtMs(), Standing: row.GetStanding(),
	}
	next.ProtoReflect().SetUnknown(row.ProtoReflect().GetUnknown()) // what a newer binary wrote
	return next
}

// standing is that the person may send, or may not.
type standing struct{ *pb.SetStanding }

// Apply implements machine.Event.
func (e standing) Apply(row *pb.OutboxRow) { row.Standing = e.Standing }

// Decide decides on one command: whether it is the device's next one, and whether the person may send now.
func Decide(row *pb.OutboxRow, in *pb.OutboxCommand, stamp machine.Stamp) decision {
	if !name.ValidPerson(stamp.Key) {
		return decision{Malformed: "the key is not the id of a person"}
	}
	if set := in.GetSetStanding(); set != nil {
		return decision{Events: []event{standing{set}}}
	}
	if !name.ValidID(in.DeviceId) || in.ClientSeq == 0 {
		return decision{Malformed: "the command has no valid device_id or no client_seq"}
	}
	next := highest(row, in.DeviceId) + 1
	switch {
	case in.ClientSeq < next:
		return decision{Repeat: true}
	case in.ClientSeq > next:
		return decision{Outputs: refusal(in, stamp, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ, next)}
	}
	evicted, fits := place(row, in.DeviceId, stamp.TimeMs)
	if !fits { // without a place the number cannot be remembered, so it is not taken
		return decision{Outputs: refusal(in, stamp, pb.Reason_REASON_TOO_MANY_DEVICES, 0)}
	}
	tokens := bucket(row, stamp)
	outputs := admit(row, in, stamp, &tokens)
	return decision{Events: []event{&taken{in.DeviceId, in.ClientSeq, stamp.TimeMs, evicted, tokens}}, Outputs: outputs}
}

// admit passes the command on or refuses it. Either way its number is taken, so that every number has one outcome.
func admit(row *pb.OutboxRow, in *pb.OutboxCommand, stamp machine.Stamp, tokens *int64) []machine.Output {
	switch {
	case row.GetStanding() == pb.Standing_STANDING_SUSPENDED:
		return refusal(in, stamp, pb.Reason_REASON_SUSPENDED, 0)
	case *tokens < milli:
		return refusal(in, stamp, pb.Reason_REASON_RATE_LIMITED, 0)
	}
	*tokens -= milli
	if out, ok := passed(in, stamp); ok {
		return []machine.Output{out}
	}
	return refusal(in, stamp, pb.Reason_REASON_INVALID, 0)
}

// refusal goes to the person's own inbox alone.
func refusal(in *pb.OutboxCommand, stamp machine.Stamp, reason pb.Reason, expected uint64) []machine.Output {
	conversation := in.GetConversation().GetConversation()
	if !name.ValidConversation(conversation) { // a forged name is not repeated to anybody
		conversation = ""
	}
	return []machine.Output{{Key: stamp.Key, Message: &pb.InboxCommand{Word: &pb.InboxCommand_Refused{
		Refused: &pb.CommandRefused{
			Origin: origin(in, stamp), Conversation: conversation, Reason: reason, ExpectedClientSeq: expected,
		},
	}}}}
}

func origin(in *pb.OutboxCommand, stamp machine.Stamp) *pb.Origin {
	return &pb.Origin{User: stamp.Key, DeviceId: in.DeviceId, ClientSeq: in.ClientSeq}
}

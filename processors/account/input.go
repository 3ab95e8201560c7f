// What a decision is made of, and how it becomes an event of account.events, a message to the person's inbox, or a refusal.

package account

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

type (
	decision = machine.Decision[pb.AccountRow]
	event    = machine.Event[pb.AccountRow]
)

// input is what a decision is made of.
type input struct {
	row    *pb.AccountRow
	stamp  machine.Stamp
	origin *pb.Origin // of the person's request; nil for commands of other machines, gateways and moderators
}

// emitted is an event of account.events.
type emitted struct{ *pb.AccountEvent }

// Apply implements machine.Event.
func (e emitted) Apply(row *pb.AccountRow) {
	row.Version = e.Version
	switch payload := e.Word.(type) {
	case *pb.AccountEvent_AccountCreated:
		row.Exists, row.DisplayName = true, payload.AccountCreated.DisplayName
	case *pb.AccountEvent_ProfileChanged:
		row.DisplayName = payload.ProfileChanged.DisplayName
	case *pb.AccountEvent_PersonBlocked:
		applyBlock(row, payload.PersonBlocked.User, true)
	case *pb.AccountEvent_PersonUnblocked:
		applyBlock(row, payload.PersonUnblocked.User, false)
	case *pb.AccountEvent_StandingChanged:
		row.Standing = payload.StandingChanged.Standing
	case *pb.AccountEvent_PresenceChanged: // leases keep it
	}
}

// emit adds to a decision an event, numbered, for account.events.
func (in input) emit(d decision, e *pb.AccountEvent) decision {
	e.Version = in.row.GetVersion() + 1
	e.TimeMs = in.stamp.TimeMs
	e.Origin = in.origin
	d.Events = append(d.Events, emitted{e})
	d.Outputs = append(d.Outputs, machine.Output{Key: in.stamp.Key, Message: e})
	return d
}

// emitAndTell emits an event of which the person's own devices must be told too. For a request it is the outcome.
func (in input) emitAndTell(e *pb.AccountEvent) decision {
	d := in.emit(decision{}, e)
	d.Outputs = append(d.Outputs, machine.Output{Key: in.stamp.Key, Message: &pb.InboxCommand{
		Word: &pb.InboxCommand_Account{Account: &pb.AccountSaid{Event: e}},
	}})
	return d
}

// refuse tells the one who asked, and nobody else.
func (in input) refuse(reason pb.Reason) decision {
	return decision{Outputs: []machine.Output{{Key: in.stamp.Key, Message: &pb.InboxCommand{
		Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{Origin: in.origin, Reason: reason}},
	}}}}
}

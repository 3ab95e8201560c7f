// Deciding: which word it is, and how an account speaks.

package account

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// judge is one decision in the making.
type judge struct {
	row    *pb.AccountRow
	stamp  Stamp
	origin *pb.Origin // who asked; nil for words that come from the house
	made   Decision
}

// Decide judges one command.
func Decide(row *pb.AccountRow, in *pb.AccountCommand, stamp Stamp) Decision {
	if !name.ValidPerson(stamp.Key) {
		return Decision{Malformed: "the key is not the id of a person"}
	}
	j := &judge{row: row, stamp: stamp}
	switch word := in.Word.(type) {
	case *pb.AccountCommand_Request:
		if in.Origin.GetUser() != stamp.Key || !name.ValidID(in.Origin.DeviceId) || in.Origin.ClientSeq == 0 {
			return Decision{Malformed: "the request does not come from the person whose account it is"}
		}
		j.origin = in.Origin
		j.request(word.Request)
	case *pb.AccountCommand_AskJoin:
		j.askJoin(word.AskJoin)
	case *pb.AccountCommand_SetPresence:
		j.setPresence(word.SetPresence)
	case *pb.AccountCommand_SetStanding:
		j.setStanding(word.SetStanding.Standing)
	default:
		j.made.Malformed = "the word is not for an account"
	}
	return j.made
}

// say numbers an event and tells account.events.
func (j *judge) say(event *pb.AccountEvent) {
	event.Version = j.row.GetVersion() + 1
	event.TimeMs = j.stamp.TimeMs
	event.Origin = j.origin
	j.made.Events = append(j.made.Events, Event{Said: event})
	j.made.Outputs = append(j.made.Outputs, Output{j.stamp.Key, event})
}

// sayAndTell says an event that the person's own devices must hear too. For a request it is the outcome.
func (j *judge) sayAndTell(event *pb.AccountEvent) {
	j.say(event)
	j.tell(j.stamp.Key, &pb.InboxCommand{Word: &pb.InboxCommand_Account{
		Account: &pb.AccountSaid{Event: event},
	}})
}

// tell tells an inbox.
func (j *judge) tell(user string, word *pb.InboxCommand) {
	j.made.Outputs = append(j.made.Outputs, Output{user, word})
}

// refuse tells the one who asked, and nobody else.
func (j *judge) refuse(reason pb.Reason) {
	j.tell(j.stamp.Key, &pb.InboxCommand{Word: &pb.InboxCommand_Refused{
		Refused: &pb.CommandRefused{Origin: j.origin, Reason: reason},
	}})
}

// setStanding follows a moderator. The outbox must hear of it: there the sending is stopped.
func (j *judge) setStanding(standing pb.Standing) {
	known := standing == pb.Standing_STANDING_ACTIVE || standing == pb.Standing_STANDING_SUSPENDED
	if !known {
		j.made.Malformed = "the standing is unknown"
		return
	}
	if standing == j.row.GetStanding() {
		return
	}
	j.sayAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_StandingChanged{
		StandingChanged: &pb.StandingChanged{Standing: standing},
	}})
	j.made.Outputs = append(j.made.Outputs, Output{j.stamp.Key, &pb.OutboxCommand{
		Word: &pb.OutboxCommand_SetStanding{SetStanding: &pb.SetStanding{Standing: standing}},
	}})
}

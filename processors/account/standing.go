// Standing: a moderator decides whether the person may send.

package account

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// setStanding follows a moderator. The outbox is told: there the sending is stopped.
func setStanding(in input, p *pb.AccountCommand_SetStanding) decision {
	standing := p.SetStanding.Standing
	known := standing == pb.Standing_STANDING_ACTIVE || standing == pb.Standing_STANDING_SUSPENDED
	if !known {
		return decision{Malformed: "the standing is unknown"}
	}
	if standing == in.row.GetStanding() {
		return decision{}
	}
	d := in.emitAndTell(&pb.AccountEvent{Word: &pb.AccountEvent_StandingChanged{
		StandingChanged: &pb.StandingChanged{Standing: standing},
	}})
	d.Outputs = append(d.Outputs, machine.Output{Key: in.stamp.Key, Message: &pb.OutboxCommand{
		Word: &pb.OutboxCommand_SetStanding{SetStanding: &pb.SetStanding{Standing: standing}},
	}})
	return d
}

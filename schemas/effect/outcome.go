// Outcomes: every command that takes a number of a device has exactly one event that ends it.

package effect

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// TakesNumber reports whether a refusal for this reason takes the number of the refused command. If it does not, the device
// sends the same number again: as part of its commands in order, or once there is room for the device.
func TakesNumber(reason pb.Reason) bool {
	return reason != pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ && reason != pb.Reason_REASON_TOO_MANY_DEVICES
}

// Outcome is the command of a person that an event of the person's inbox is the outcome of; nil = of none.
func Outcome(user string, event *pb.InboxEvent) *pb.Origin {
	var origin *pb.Origin
	switch payload := event.GetWord().(type) {
	case *pb.InboxEvent_Conversation:
		origin = payload.Conversation.GetEvent().GetOrigin()
	case *pb.InboxEvent_Account:
		origin = payload.Account.GetEvent().GetOrigin()
	case *pb.InboxEvent_Refused:
		if TakesNumber(payload.Refused.GetReason()) {
			origin = payload.Refused.GetOrigin()
		}
	}
	if origin.GetUser() != user || origin.GetClientSeq() == 0 {
		return nil
	}
	return origin
}

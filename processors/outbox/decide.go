// Deciding: whether this is the device's next command, and whether the person may speak now.

package outbox

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Decide judges one command.
func Decide(row *pb.OutboxRow, in *pb.OutboxCommand, stamp Stamp) Decision {
	if !name.ValidPerson(stamp.Key) {
		return Decision{Malformed: "the key is not the id of a person"}
	}
	if word := in.GetSetStanding(); word != nil {
		return Decision{Events: []Event{{Standing: word}}}
	}
	if !name.ValidID(in.DeviceId) || in.ClientSeq == 0 {
		return Decision{Malformed: "the command has no valid device_id or no client_seq"}
	}
	next := highest(row, in.DeviceId) + 1
	switch {
	case in.ClientSeq < next:
		return Decision{Repeat: true}
	case in.ClientSeq > next:
		return Decision{Outputs: refusal(in, stamp, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ, next)}
	}
	evicted, fits := place(row, in.DeviceId, stamp.TimeMs)
	if !fits { // without a place the number cannot be remembered, so it is not consumed
		return Decision{Outputs: refusal(in, stamp, pb.Reason_REASON_TOO_MANY_DEVICES, 0)}
	}
	tokens := bucket(row, stamp)
	outputs := admit(row, in, stamp, &tokens)
	return Decision{
		Events:  []Event{{Taken: &Taken{in.DeviceId, in.ClientSeq, stamp.TimeMs, evicted, tokens}}},
		Outputs: outputs,
	}
}

// admit passes the command on or refuses it. Either way its number is consumed, so that every number has one outcome.
func admit(row *pb.OutboxRow, in *pb.OutboxCommand, stamp Stamp, tokens *int64) []Output {
	switch {
	case row.GetStanding() == pb.Standing_STANDING_SUSPENDED:
		return refusal(in, stamp, pb.Reason_REASON_SUSPENDED, 0)
	case *tokens < milli:
		return refusal(in, stamp, pb.Reason_REASON_RATE_LIMITED, 0)
	}
	*tokens -= milli
	origin := origin(in, stamp)
	switch {
	case in.GetConversation() != nil && conversationFits(in.GetConversation()):
		return []Output{{
			Key:     in.GetConversation().Conversation,
			Message: &pb.ConversationCommand{Origin: origin, Word: &pb.ConversationCommand_Request{Request: in.GetConversation()}},
		}}
	case in.GetAccount() != nil && accountFits(in.GetAccount()):
		return []Output{{
			Key:     stamp.Key,
			Message: &pb.AccountCommand{Origin: origin, Word: &pb.AccountCommand_Request{Request: in.GetAccount()}},
		}}
	}
	return refusal(in, stamp, pb.Reason_REASON_INVALID, 0)
}

func origin(in *pb.OutboxCommand, stamp Stamp) *pb.Origin {
	return &pb.Origin{User: stamp.Key, DeviceId: in.DeviceId, ClientSeq: in.ClientSeq}
}

// refusal tells the person's own inbox, and nobody else.
func refusal(in *pb.OutboxCommand, stamp Stamp, reason pb.Reason, expected uint64) []Output {
	conversation := in.GetConversation().GetConversation()
	if !name.ValidConversation(conversation) { // a forged name is not repeated to anybody
		conversation = ""
	}
	return []Output{{Key: stamp.Key, Message: &pb.InboxCommand{Word: &pb.InboxCommand_Refused{
		Refused: &pb.CommandRefused{
			Origin: origin(in, stamp), Conversation: conversation, Reason: reason, ExpectedClientSeq: expected,
		},
	}}}}
}

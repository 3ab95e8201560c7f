// Messages. Their numbers are all that the row keeps of them.

package conversation

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

func sendMessage(in input, _ *pb.Member, p *pb.ConversationRequest_SendMessage) decision {
	message := p.SendMessage
	switch {
	case len(in.row.Blocks) > 0:
		return in.refuse(pb.Reason_REASON_BLOCKED)
	case message.Body == nil:
		return in.refuse(pb.Reason_REASON_INVALID)
	case message.ReplyTo > in.row.Number:
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	}
	return in.emit(&pb.ConversationEvent{Word: &pb.ConversationEvent_MessageSent{
		MessageSent: &pb.MessageSent{Body: message.Body, ReplyTo: message.ReplyTo},
	}})
}

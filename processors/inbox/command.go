// Commands whose payload is passed on undecoded: an inbox numbers a payload and never looks into it, and the same payload goes
// to each of a hundred members. So its bytes are passed on as they are, when they are those that encoding it again would give.

package inbox

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/schemas/canonical"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// layout is the layout of what an inbox reads.
var layout = canonical.LayoutOf((&pb.InboxCommand{}).ProtoReflect().Descriptor())

// Command is an InboxCommand whose payload may be undecoded.
type Command struct {
	pb.InboxCommand

	// The payload that comes most often lies in the same piece of memory.
	conversation pb.InboxCommand_Conversation
	said         pb.ConversationSaid
}

// Open decodes a command and leaves the payload undecoded if it can.
func Open(value []byte) (*Command, error) {
	c := &Command{}
	if !layout.Wrote(value) {
		return c, c.UnmarshalVT(value)
	}
	number, _, n := protowire.ConsumeTag(value)
	inside, _ := protowire.ConsumeBytes(value[n:])
	switch number { // as in schemas/parley/v1/inbox.proto
	case 10:
		c.conversation.Conversation = undecoded(&c.said, inside)
		c.Word = &c.conversation
	case 11:
		c.Word = &pb.InboxCommand_Account{Account: undecoded(&pb.AccountSaid{}, inside)}
	case 12:
		c.Word = &pb.InboxCommand_Receipt{Receipt: undecoded(&pb.ReceiptSaid{}, inside)}
	case 13:
		c.Word = &pb.InboxCommand_Refused{Refused: undecoded(&pb.CommandRefused{}, inside)}
	default: // ActivateRules, which the hall reads
		return c, c.UnmarshalVT(value)
	}
	return c, nil
}

// undecoded puts bytes into a message as unknown fields: whatever encodes it writes them as they are.
func undecoded[M proto.Message](message M, inside []byte) M {
	message.ProtoReflect().SetUnknown(inside)
	return message
}

// Requests: what is passed on to which machine, within upper bounds that hold in the log whatever a gateway let through, so
// that no row and no fan-out can be made larger than the plan says.

package outbox

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Bounds of what a gateway seals: the text plus the tag of AES-GCM.
const (
	MaxBody  = 16<<10 + 16 // bytes of a message's ciphertext
	MaxLine  = 256 + 16    // bytes of a title's or a display name's ciphertext
	MaxNonce = 12          // bytes
)

// passed is the command for the machine that decides on the request; false = the request is of no known kind or too large.
func passed(in *pb.OutboxCommand, stamp machine.Stamp) (machine.Output, bool) {
	from := origin(in, stamp)
	switch payload := in.Word.(type) {
	case *pb.OutboxCommand_Conversation:
		if r := payload.Conversation; r != nil && conversationFits(r) {
			return machine.Output{Key: r.Conversation, Message: &pb.ConversationCommand{
				Origin: from, Word: &pb.ConversationCommand_Request{Request: r},
			}}, true
		}
	case *pb.OutboxCommand_Account:
		if r := payload.Account; r != nil && accountFits(r) {
			return machine.Output{Key: stamp.Key, Message: &pb.AccountCommand{
				Origin: from, Word: &pb.AccountCommand_Request{Request: r},
			}}, true
		}
	}
	return machine.Output{}, false
}

// conversationFits reports whether a conversation can decide on the request at all.
func conversationFits(r *pb.ConversationRequest) bool {
	if !name.ValidConversation(r.Conversation) {
		return false
	}
	switch payload := r.Word.(type) {
	case nil: // a payload that this binary does not know
		return false
	case *pb.ConversationRequest_SendMessage:
		return sealedFits(payload.SendMessage.Body, MaxBody)
	case *pb.ConversationRequest_CreateGroup:
		return sealedFits(payload.CreateGroup.Title, MaxLine)
	case *pb.ConversationRequest_RenameConversation:
		return sealedFits(payload.RenameConversation.Title, MaxLine)
	}
	return true
}

// accountFits reports whether an account can decide on the request at all.
func accountFits(r *pb.AccountRequest) bool {
	switch payload := r.Word.(type) {
	case nil:
		return false
	case *pb.AccountRequest_CreateAccount:
		return sealedFits(payload.CreateAccount.DisplayName, MaxLine)
	case *pb.AccountRequest_ChangeProfile:
		return sealedFits(payload.ChangeProfile.DisplayName, MaxLine)
	}
	return true
}

func sealedFits(s *pb.Sealed, limit int) bool {
	return s != nil && len(s.KeyId) <= name.MaxID && len(s.Nonce) <= MaxNonce && len(s.Ciphertext) <= limit
}

// The shape of a request: upper bounds that hold in the log whatever a gate let through, so that no row and no
// fan-out can be made larger than the plan says.

package outbox

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Bounds of what a gate seals: the text plus the tag of AES-GCM.
const (
	MaxBody  = 16<<10 + 16 // bytes of a message's ciphertext
	MaxLine  = 256 + 16    // bytes of a title's or a display name's ciphertext
	MaxNonce = 12          // bytes
)

// conversationFits reports whether a conversation can judge the request at all.
func conversationFits(r *pb.ConversationRequest) bool {
	if !name.ValidConversation(r.Conversation) {
		return false
	}
	switch word := r.Word.(type) {
	case nil: // a word that this binary does not know
		return false
	case *pb.ConversationRequest_SendMessage:
		return sealedFits(word.SendMessage.Body, MaxBody)
	case *pb.ConversationRequest_CreateGroup:
		return sealedFits(word.CreateGroup.Title, MaxLine)
	case *pb.ConversationRequest_RenameConversation:
		return sealedFits(word.RenameConversation.Title, MaxLine)
	}
	return true
}

// accountFits reports whether an account can judge the request at all.
func accountFits(r *pb.AccountRequest) bool {
	switch word := r.Word.(type) {
	case nil:
		return false
	case *pb.AccountRequest_CreateAccount:
		return sealedFits(word.CreateAccount.DisplayName, MaxLine)
	case *pb.AccountRequest_ChangeProfile:
		return sealedFits(word.ChangeProfile.DisplayName, MaxLine)
	}
	return true
}

func sealedFits(s *pb.Sealed, limit int) bool {
	return s != nil && len(s.KeyId) <= name.MaxID && len(s.Nonce) <= MaxNonce && len(s.Ciphertext) <= limit
}

// Commands, ready to be sent.

package parley

import pb "github.com/parley-im/parley/schemas/gen/parleyv1"

// Text is a message to a conversation.
func Text(conversation, text string) *pb.Send {
	return &pb.Send{Conversation: conversation, Word: &pb.Send_Text{Text: &pb.SendText{Text: text}}}
}

// CreateAccount creates the account of the person.
func CreateAccount(displayName string) *pb.Send {
	return &pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: displayName}}}
}

// OpenDirect opens the direct conversation with a person.
func OpenDirect(peer string) *pb.Send {
	return &pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: peer}}}
}

// CreateGroup creates a group with other people.
func CreateGroup(title string, members ...string) *pb.Send {
	return &pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{Title: title, Members: members}}}
}

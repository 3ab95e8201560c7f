// People for tests: each device counts its own commands, so that a test states only the requests.

package walk

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
)

// Device is one device of a person.
type Device struct {
	house *House
	User  string
	ID    string
	Seq   uint64 // number of the last command
}

// Device is a device that has sent nothing yet.
func (h *House) Device(user, id string) *Device { return &Device{house: h, User: user, ID: id} }

// Ask sends a request to a conversation under the device's next number.
func (d *Device) Ask(conversation string, request *pb.ConversationRequest) topology.Record {
	request.Conversation = conversation
	return d.send(&pb.OutboxCommand{Word: &pb.OutboxCommand_Conversation{Conversation: request}})
}

// AskAccount sends a request to the person's own account under the device's next number.
func (d *Device) AskAccount(request *pb.AccountRequest) topology.Record {
	return d.send(&pb.OutboxCommand{Word: &pb.OutboxCommand_Account{Account: request}})
}

func (d *Device) send(command *pb.OutboxCommand) topology.Record {
	d.Seq++
	command.DeviceId, command.ClientSeq = d.ID, d.Seq
	return d.house.Send("outbox.commands", d.User, command)
}

// CreateAccount makes the person's account.
func (d *Device) CreateAccount() topology.Record {
	return d.AskAccount(&pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{
		CreateAccount: &pb.CreateAccount{DisplayName: Seal(d.User, d.User)},
	}})
}

// OpenDirect opens the direct conversation with a person and returns its key.
func (d *Device) OpenDirect(peer string) string {
	conversation := name.Direct(d.User, peer)
	d.Ask(conversation, &pb.ConversationRequest{Word: &pb.ConversationRequest_OpenDirect{
		OpenDirect: &pb.OpenDirect{Peer: peer},
	}})
	return conversation
}

// CreateGroup makes the group whose unique part is unique and returns its key.
func (d *Device) CreateGroup(unique, title string, members ...string) string {
	conversation := name.Group(unique)
	d.Ask(conversation, &pb.ConversationRequest{Word: &pb.ConversationRequest_CreateGroup{
		CreateGroup: &pb.CreateGroup{Title: Seal(d.User, title), Members: members},
	}})
	return conversation
}

// SendText sends a message.
func (d *Device) SendText(conversation, text string) topology.Record {
	return d.Ask(conversation, &pb.ConversationRequest{Word: &pb.ConversationRequest_SendMessage{
		SendMessage: &pb.SendMessage{Body: Seal(d.User, text)},
	}})
}

// Seen writes how far the person has received and read.
func (d *Device) Seen(conversation string, delivered, read uint64) topology.Record {
	return d.house.Send("bookmark.commands", name.Bookmark(d.User, conversation), &pb.BookmarkCommand{
		Word: &pb.BookmarkCommand_Seen{Seen: &pb.Seen{Marks: &pb.Marks{Delivered: delivered, Read: read}}},
	})
}

// Seal is text in the form in which a gateway seals it: the text stands unencrypted in the ciphertext, before 16 bytes of tag.
func Seal(user, text string) *pb.Sealed {
	return &pb.Sealed{KeyId: "key-" + user, Nonce: make([]byte, 12), Ciphertext: append([]byte(text), make([]byte, 16)...)}
}

// Open is the text that Seal was given.
func Open(sealed *pb.Sealed) string {
	return string(sealed.GetCiphertext()[:max(len(sealed.GetCiphertext())-16, 0)])
}

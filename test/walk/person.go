// People for tests: each device counts its own commands, so that a test says only what is asked.

package walk

import (
	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
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
func (d *Device) Ask(conversation string, request *parleyv1.ConversationRequest) topology.Record {
	request.Conversation = conversation
	return d.send(&parleyv1.OutboxCommand{Word: &parleyv1.OutboxCommand_Conversation{Conversation: request}})
}

// AskAccount sends a request to the person's own account under the device's next number.
func (d *Device) AskAccount(request *parleyv1.AccountRequest) topology.Record {
	return d.send(&parleyv1.OutboxCommand{Word: &parleyv1.OutboxCommand_Account{Account: request}})
}

func (d *Device) send(command *parleyv1.OutboxCommand) topology.Record {
	d.Seq++
	command.DeviceId, command.ClientSeq = d.ID, d.Seq
	return d.house.Send("outbox.commands", d.User, command)
}

// CreateAccount makes the person's account.
func (d *Device) CreateAccount() topology.Record {
	return d.AskAccount(&parleyv1.AccountRequest{Word: &parleyv1.AccountRequest_CreateAccount{
		CreateAccount: &parleyv1.CreateAccount{DisplayName: Seal(d.User, d.User)},
	}})
}

// OpenDirect opens the direct conversation with a person and returns its key.
func (d *Device) OpenDirect(peer string) string {
	conversation := name.Direct(d.User, peer)
	d.Ask(conversation, &parleyv1.ConversationRequest{Word: &parleyv1.ConversationRequest_OpenDirect{
		OpenDirect: &parleyv1.OpenDirect{Peer: peer},
	}})
	return conversation
}

// CreateGroup makes the group whose unique part is unique and returns its key.
func (d *Device) CreateGroup(unique, title string, members ...string) string {
	conversation := name.Group(unique)
	d.Ask(conversation, &parleyv1.ConversationRequest{Word: &parleyv1.ConversationRequest_CreateGroup{
		CreateGroup: &parleyv1.CreateGroup{Title: Seal(d.User, title), Members: members},
	}})
	return conversation
}

// SendText says something.
func (d *Device) SendText(conversation, text string) topology.Record {
	return d.Ask(conversation, &parleyv1.ConversationRequest{Word: &parleyv1.ConversationRequest_SendMessage{
		SendMessage: &parleyv1.SendMessage{Body: Seal(d.User, text)},
	}})
}

// Seen writes how far the person has received and read.
func (d *Device) Seen(conversation string, delivered, read uint64) topology.Record {
	return d.house.Send("bookmark.commands", name.Bookmark(d.User, conversation), &parleyv1.BookmarkCommand{
		Word: &parleyv1.BookmarkCommand_Seen{Seen: &parleyv1.Seen{Marks: &parleyv1.Marks{Delivered: delivered, Read: read}}},
	})
}

// Seal is text as a gate seals it, in form only: the text stands open in the ciphertext, before 16 bytes of tag.
func Seal(user, text string) *parleyv1.Sealed {
	return &parleyv1.Sealed{KeyId: "key-" + user, Nonce: make([]byte, 12), Ciphertext: append([]byte(text), make([]byte, 16)...)}
}

// Open is the text that Seal was given.
func Open(sealed *parleyv1.Sealed) string {
	return string(sealed.GetCiphertext()[:max(len(sealed.GetCiphertext())-16, 0)])
}

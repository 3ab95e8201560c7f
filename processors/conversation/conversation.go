// Package conversation decides on everything that is asked of one conversation: who is in it, who may do what, and which
// number a message gets. Each event goes to conversation.events and to the inbox of each member.
//
// Two things it never gives away. A stranger gets NOT_A_MEMBER to everything, whether the conversation exists or not.
// And a block draws no seq and is told to nobody: a gap in the numbers would tell the blocked one that something
// happened. The one who blocks is told by the own account.
//
//	conversation.go  this file: the table of commands, and who may give them
//	answer.go        what an account's answer leads to
//	message.go       messages
//	direct.go        direct conversations and their blocks
//	group.go         groups: their beginning and their title
//	member.go        members: how they join, leave and change roles
//	invitation.go    invitations
//	ask.go           accounts that are asked before anybody is made a member or invited
//	input.go         what a decision is made of, and how it becomes an event or a refusal
package conversation

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Machine is the conversation.
var Machine = machine.Frame[pb.ConversationRow, *pb.ConversationCommand]{
	Decode:  machine.Decode[pb.ConversationCommand],
	Payload: func(in *pb.ConversationCommand) any { return in.Word },
	State:   (*pb.Row).GetConversation,
	Put:     func(row *pb.Row, state *pb.ConversationRow) { row.State = &pb.Row_Conversation{Conversation: state} },
	Decide:  Decide,
	Copy:    copied,
}

// copied is the row with its lists shared: a message changes none of them, and whoever does makes another list.
func copied(row *pb.ConversationRow) *pb.ConversationRow {
	next := &pb.ConversationRow{
		Kind: row.GetKind(), Title: row.GetTitle(), Members: row.GetMembers(), Invitations: row.GetInvitations(),
		Asks: row.GetAsks(), Blocks: row.GetBlocks(), Seq: row.GetSeq(), Number: row.GetNumber(),
	}
	next.ProtoReflect().SetUnknown(row.ProtoReflect().GetUnknown()) // what a newer binary wrote
	return next
}

// commands are the payloads of conversation.commands.
var commands = machine.Handlers[input, decision]{
	machine.On(answerJoin), // answer.go
	machine.On(setBlock),   // direct.go
}

// requests are what people ask.
var requests = machine.Handlers[input, decision]{
	machine.On(byMember(sendMessage)),       // message.go
	machine.On(openDirect),                  // direct.go
	machine.On(createGroup),                 // group.go
	machine.On(byGroupMember(rename)),       // group.go
	machine.On(byGroupMember(addMember)),    // member.go
	machine.On(byGroupMember(removeMember)), // member.go
	machine.On(byGroupMember(leave)),        // member.go
	machine.On(byGroupMember(changeRole)),   // member.go
	machine.On(byGroupMember(inviteMember)), // invitation.go
	machine.On(acceptInvitation),            // invitation.go
	machine.On(declineInvitation),           // invitation.go
}

// Decide decides on one command.
func Decide(row *pb.ConversationRow, command *pb.ConversationCommand, stamp machine.Stamp) decision {
	if !name.ValidConversation(stamp.Key) {
		return decision{Malformed: "the key is not home/conversation"}
	}
	in := input{row: row, stamp: stamp}
	if request := command.GetRequest(); request != nil {
		if from := command.Origin; name.ValidPerson(from.GetUser()) && name.ValidID(from.DeviceId) && from.ClientSeq > 0 {
			in.origin = from
			return in.request(request)
		}
		return decision{Malformed: "the request comes from nobody who could be told its outcome"}
	}
	if d, ok := commands.Handle(in, command.Word); ok {
		return d
	}
	return decision{Malformed: "the word is not for a conversation"}
}

// request decides on what a person asks.
func (in input) request(r *pb.ConversationRequest) decision {
	if d, ok := requests.Handle(in, r.Word); ok {
		return d
	}
	if in.member(in.origin.User) == nil { // a request that this binary does not know
		return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
	}
	return in.refuse(pb.Reason_REASON_INVALID)
}

// byMember lets members alone give a command.
func byMember[Payload any](decide func(input, *pb.Member, Payload) decision) func(input, Payload) decision {
	return func(in input, p Payload) decision {
		me := in.member(in.origin.User)
		if me == nil {
			return in.refuse(pb.Reason_REASON_NOT_A_MEMBER)
		}
		return decide(in, me, p)
	}
}

// byGroupMember lets members of a group alone give a command: the two of a direct conversation stay its members for ever.
func byGroupMember[Payload any](decide func(input, *pb.Member, Payload) decision) func(input, Payload) decision {
	return byMember(func(in input, me *pb.Member, p Payload) decision {
		if in.row.Kind != pb.Kind_KIND_GROUP {
			return in.refuse(pb.Reason_REASON_INVALID)
		}
		return decide(in, me, p)
	})
}

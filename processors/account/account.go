// Package account keeps one person: profile, blocks, standing and presence. It alone decides whether somebody may be made
// a member of a conversation, and it alone knows who is blocked.
//
//	account.go   this file: the table of commands
//	profile.go   the account and its display name
//	block.go     blocked people, and the answer to conversations that ask
//	standing.go  whether the person may send
//	presence.go  sessions that are online
//	input.go     what a decision is made of, and how it becomes an event or a refusal
package account

import (
	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

// Machine is the account.
var Machine = machine.Frame[pb.AccountRow, *pb.AccountCommand]{
	Decode:  machine.Decode[pb.AccountCommand],
	Payload: func(in *pb.AccountCommand) any { return in.Word },
	State:   (*pb.Row).GetAccount,
	Put:     func(row *pb.Row, state *pb.AccountRow) { row.State = &pb.Row_Account{Account: state} },
	Decide:  Decide,
	Copy:    machine.Clone[pb.AccountRow],
}

// commands are the payloads of account.commands.
var commands = machine.Handlers[input, decision]{
	machine.On(setPresence), // presence.go
	machine.On(askJoin),     // block.go
	machine.On(setStanding), // standing.go
}

// requests are what the person asks. All but the first need an account.
var requests = machine.Handlers[input, decision]{
	machine.On(createAccount),              // profile.go
	machine.On(withAccount(changeProfile)), // profile.go
	machine.On(withAccount(blockPerson)),   // block.go
	machine.On(withAccount(unblockPerson)), // block.go
}

// Decide decides on one command.
func Decide(row *pb.AccountRow, command *pb.AccountCommand, stamp machine.Stamp) decision {
	if !name.ValidPerson(stamp.Key) {
		return decision{Malformed: "the key is not the id of a person"}
	}
	in := input{row: row, stamp: stamp}
	if request, asks := command.Word.(*pb.AccountCommand_Request); asks {
		if command.Origin.GetUser() != stamp.Key || !name.ValidID(command.Origin.DeviceId) || command.Origin.ClientSeq == 0 {
			return decision{Malformed: "the request does not come from the person whose account it is"}
		}
		in.origin = command.Origin
		return in.request(request.Request)
	}
	if d, ok := commands.Handle(in, command.Word); ok {
		return d
	}
	return decision{Malformed: "the word is not for an account"}
}

// request decides on what the person asks.
func (in input) request(r *pb.AccountRequest) decision {
	if d, ok := requests.Handle(in, r.GetWord()); ok {
		return d
	}
	if !in.row.GetExists() { // a request that this binary does not know
		return in.refuse(pb.Reason_REASON_NOT_FOUND)
	}
	return in.refuse(pb.Reason_REASON_INVALID)
}

// withAccount lets nobody give a command who has no account.
func withAccount[Payload any](decide func(input, Payload) decision) func(input, Payload) decision {
	return func(in input, p Payload) decision {
		if !in.row.GetExists() {
			return in.refuse(pb.Reason_REASON_NOT_FOUND)
		}
		return decide(in, p)
	}
}

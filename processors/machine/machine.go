// Package machine is the frame that the machine of every group repeats: what goes into a decision, what comes out, and how
// both meet the row. A machine's package keeps only its rules, a file for each thing that it knows.
//
// A machine has two verbs. Deciding reads the row and a command and makes events and outputs; it changes nothing. Applying
// changes the row by an event and cannot refuse. Both are pure: the same arguments give the same results on every owner and
// in every replay.
//
//	machine.go  this file: what a decision is made of
//	frame.go    a machine as the hall runs it
//	handler.go  the function for a payload, by the payload's type
package machine

import "google.golang.org/protobuf/proto"

// Stamp is what a decision may depend on besides the row and the command. All of it is in the log or in the plan.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // of the record
	TimeMs int64  // milliseconds since 1970, never falling for a row

	Epoch       uint64 // of the log: in another one an inbox's numbers begin anew
	FanOut      int    // most members of a conversation
	Rate, Burst int64  // commands of one person: a second, sustained, at least 1; at once
}

// Output is a message for another topic, which the hall finds by the message's type.
type Output struct {
	Key     string
	Message proto.Message
}

// Event changes a row. The row is a copy that Apply may change; what the row's fields point to is shared and is replaced, not
// changed. An event may be one of the group's event topic, or stay inside of the machine.
type Event[Row any] interface {
	Apply(row *Row)
}

// Decision is what a command leads to.
type Decision[Row any] struct {
	Repeat    bool         // the command was applied before: nothing is written and nothing is emitted
	Malformed string       // nobody could be told of a refusal: the detail of the dead letter
	Events    []Event[Row] // what changes the row, in this order
	Outputs   []Output     // in this order
}

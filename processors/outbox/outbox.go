// Package outbox is where every command of a person enters the log: in each device's own order, at a bounded rate, and
// only in good standing. It judges who may speak now, never what is asked: that is for the machine it passes the
// command on to.
//
// Like every machine of this house it has two verbs. Decide makes records and never changes the row. Apply makes the
// row after it and cannot refuse. Both are pure: the same arguments give the same results on every owner, for ever.
package outbox

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of one person.
const (
	MaxDevices   = 32                  // devices
	DeviceIdleMs = 24 * 60 * 60 * 1000 // milliseconds after which an unused device gives its place to a new one
)

// Stamp is what the hall knows of a record besides its word.
type Stamp struct {
	Rules  uint32 // version of the rules in force: a rule that changes asks here
	Key    string // the person
	TimeMs int64  // milliseconds since 1970, never falling for a row
	Rate   int64  // commands a second that one person may send, sustained; at least 1
	Burst  int64  // commands at once
}

// Output is something said to another topic; the hall finds the topic by the message.
type Output = struct {
	Key     string
	Message proto.Message
}

// Decision is what a command leads to.
type Decision struct {
	Repeat    bool     // it was taken before: nothing is written and nothing is said
	Malformed string   // nobody could be told of it: why, for the dead letter
	Events    []Event  // what changes the row, in this order
	Outputs   []Output // what others hear, in this order
}

// Event is what changes the row; exactly one field is set. An outbox has no event topic: its events stay inside.
type Event struct {
	Taken    *Taken
	Standing *pb.SetStanding
}

// Taken says that a number of a device is consumed, whatever became of the command.
type Taken struct {
	DeviceID    string
	ClientSeq   uint64
	TimeMs      int64
	Evicted     string // device that gives its place; empty = none
	Millitokens int64  // thousandths of a command left in the rate bucket
}

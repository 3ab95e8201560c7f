// A machine as the hall runs it, whatever its row and its commands are.

package machine

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Machine is a Frame of any row and any command.
type Machine interface {
	// Open decodes a command.
	Open(value []byte) (Command, error)
	// Known reports whether this binary knows the command's payload.
	Known(in Command) bool
	// Fold decides on a command that Open gave, and puts the state after it into the row. The state before stays as it is.
	Fold(row *pb.Row, in Command, stamp Stamp) Result
	// Owns reports whether the row's state is of this machine.
	Owns(row *pb.Row) bool
}

// Command is the value of a record of the group's input.
type Command interface {
	GetActivateRules() *pb.ActivateRules
}

// Result is what is left of a decision when it is applied.
type Result struct {
	Repeat    bool
	Malformed string
	Outputs   []Output
}

// Frame binds the parts of one machine.
type Frame[Row any, In Command] struct {
	Decode  func(value []byte) (In, error)
	Payload func(in In) any // nil = none that this binary knows
	State   func(row *pb.Row) *Row
	Put     func(row *pb.Row, state *Row)
	Decide  func(state *Row, in In, stamp Stamp) Decision[Row]
	Copy    func(state *Row) *Row // of nil an empty one
}

// Open implements Machine.
func (f Frame[Row, In]) Open(value []byte) (Command, error) { return f.Decode(value) }

// Known implements Machine.
func (f Frame[Row, In]) Known(in Command) bool { return f.Payload(in.(In)) != nil }

// Owns implements Machine.
func (f Frame[Row, In]) Owns(row *pb.Row) bool { return f.State(row) != nil }

// Fold implements Machine.
func (f Frame[Row, In]) Fold(row *pb.Row, in Command, stamp Stamp) Result {
	d := f.Decide(f.State(row), in.(In), stamp)
	if !d.Repeat && d.Malformed == "" && len(d.Events) > 0 {
		f.Put(row, f.Apply(f.State(row), d.Events...))
	}
	return Result{d.Repeat, d.Malformed, d.Outputs}
}

// Apply is the state after events. The state before stays as it is.
func (f Frame[Row, In]) Apply(state *Row, events ...Event[Row]) *Row {
	state = f.Copy(state)
	for _, e := range events {
		e.Apply(state)
	}
	return state
}

// Decode decodes a command of a generated type.
func Decode[Message any, In interface {
	*Message
	UnmarshalVT(value []byte) error
}](value []byte) (In, error) {
	in := In(new(Message))
	return in, in.UnmarshalVT(value)
}

// Clone copies a state with all that it points to.
func Clone[Row any, Cloner interface {
	*Row
	CloneVT() *Row
}](state *Row) *Row {
	if state == nil {
		return new(Row)
	}
	return Cloner(state).CloneVT()
}

// What a decision is made of, and how it becomes an event, which goes to conversation.events and to every inbox of its
// audience, or a refusal, which goes to one inbox alone.

package conversation

import (
	"slices"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

type (
	decision = machine.Decision[pb.ConversationRow]
	event    = machine.Event[pb.ConversationRow]
)

// input is what a decision is made of.
type input struct {
	row    *pb.ConversationRow
	stamp  machine.Stamp
	origin *pb.Origin // of the command that the decision is the outcome of
}

// emitted is an event of conversation.events.
type emitted struct{ *pb.ConversationEvent }

// Apply implements machine.Event.
func (e emitted) Apply(row *pb.ConversationRow) {
	row.Seq, row.Number = e.Seq, e.Number
	does := effect.Of(e.ConversationEvent)
	applyTitle(row, e.ConversationEvent)
	applyInvitations(row, e.ConversationEvent, does)
	applyMembers(row, does)
}

// emit numbers an event and sends it to its audience.
func (in input) emit(e *pb.ConversationEvent) decision {
	does := effect.Of(e)
	e.Seq = in.row.GetSeq() + 1
	e.Number = in.row.GetNumber()
	if does.Message {
		e.Number++
	}
	e.TimeMs = in.stamp.TimeMs
	e.Origin = in.origin

	audience := in.audience(does)
	outputs := append(make([]machine.Output, 0, 1+len(audience)), machine.Output{Key: in.stamp.Key, Message: e})
	delivery := &pb.InboxCommand{Word: &pb.InboxCommand_Conversation{
		Conversation: &pb.ConversationSaid{Conversation: in.stamp.Key, Event: e},
	}}
	for _, user := range audience {
		outputs = append(outputs, machine.Output{Key: user, Message: delivery})
	}
	return decision{Events: []event{emitted{e}}, Outputs: outputs}
}

// audience is who is told of an event.
func (in input) audience(does effect.Effect) []string {
	members := in.row.GetMembers()
	users := make([]string, len(members), len(members)+1)
	for i, m := range members {
		users[i] = m.User
	}
	return does.Audience(users)
}

// refuse tells the one who asked. What the machine itself asked (a group's first members) had its outcome before.
func (in input) refuse(reason pb.Reason) decision {
	if in.origin.GetClientSeq() == 0 {
		return decision{}
	}
	return decision{Outputs: []machine.Output{{Key: in.origin.User, Message: &pb.InboxCommand{
		Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{
			Origin: in.origin, Conversation: in.stamp.Key, Reason: reason,
		}},
	}}}}
}

// inserted is a new list with one more.
func inserted[T any](list []T, at int, one T) []T { return slices.Insert(slices.Clip(list), at, one) }

// deleted is a new list with one less.
func deleted[T any](list []T, at int) []T { return slices.Delete(slices.Clone(list), at, at+1) }

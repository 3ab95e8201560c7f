// Speaking: an event goes to conversation.events and to every inbox that must hear it; a refusal to one inbox alone.

package conversation

import (
	"slices"

	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// say numbers an event and tells it to its audience.
func (j *judge) say(event *pb.ConversationEvent) {
	does := effect.Of(event)
	event.Seq = j.row.GetSeq() + 1
	event.Number = j.row.GetNumber()
	if does.Message {
		event.Number++
	}
	event.TimeMs = j.stamp.TimeMs
	event.Origin = j.origin
	j.made.Events = append(j.made.Events, Event{Said: event})

	audience := j.audience(does)
	j.made.Outputs = append(slices.Grow(j.made.Outputs, 1+len(audience)), Output{j.stamp.Key, event})
	said := &pb.InboxCommand{Word: &pb.InboxCommand_Conversation{
		Conversation: &pb.ConversationSaid{Conversation: j.stamp.Key, Event: event},
	}}
	for _, user := range audience {
		j.made.Outputs = append(j.made.Outputs, Output{user, said})
	}
}

// audience is who is told of an event.
func (j *judge) audience(does effect.Effect) []string {
	members := j.row.GetMembers()
	users := make([]string, len(members), len(members)+1)
	for i, m := range members {
		users[i] = m.User
	}
	return does.Audience(users)
}

// refuse tells the one who asked. What the house itself asked (a group's first members) had its outcome before.
func (j *judge) refuse(reason pb.Reason) {
	if j.origin.GetClientSeq() == 0 {
		return
	}
	j.made.Outputs = append(j.made.Outputs, Output{j.origin.User, &pb.InboxCommand{
		Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{
			Origin: j.origin, Conversation: j.stamp.Key, Reason: reason,
		}},
	}})
}

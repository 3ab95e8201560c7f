// Speaking: an event goes to conversation.events and to every inbox that must hear it; a refusal to one inbox alone.

package conversation

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// say numbers an event and tells it to the members before it and to the people it is about: so whoever joins hears of
// it, and whoever is removed hears of that too, and of nothing later.
func (j *judge) say(event *pb.ConversationEvent, about ...string) {
	event.Seq = j.row.GetSeq() + 1
	event.Number = j.row.GetNumber()
	if event.GetMessageSent() != nil {
		event.Number++
	}
	event.TimeMs = j.stamp.TimeMs
	event.Origin = j.origin
	j.made.Events = append(j.made.Events, Event{Said: event})

	audience := j.audience(about)
	j.made.Outputs = append(slices.Grow(j.made.Outputs, 1+len(audience)), Output{j.stamp.Key, event})
	said := &pb.InboxCommand{Word: &pb.InboxCommand_Conversation{
		Conversation: &pb.ConversationSaid{Conversation: j.stamp.Key, Event: event},
	}}
	for _, user := range audience {
		j.made.Outputs = append(j.made.Outputs, Output{user, said})
	}
}

// audience is the members and some others, sorted, each once.
func (j *judge) audience(about []string) []string {
	users := make([]string, 0, len(j.row.GetMembers())+len(about))
	for _, m := range j.row.GetMembers() {
		users = append(users, m.User)
	}
	users = append(users, about...)
	slices.Sort(users)
	return slices.Compact(users)
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

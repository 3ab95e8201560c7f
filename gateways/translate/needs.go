// Needs: which keys open an event or an answer, found by converting it without any.

package translate

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Needs returns the ids of the keys that open an event of an inbox or an answer of the views.
func Needs(message proto.Message) []string {
	if event, ok := message.(*pb.InboxEvent); ok { // most of what is pushed: a message has its text and nothing else sealed
		if body := event.GetConversation().GetEvent().GetMessageSent().GetBody(); body != nil {
			return []string{body.GetKeyId()}
		}
	}
	var c collector
	switch m := message.(type) {
	case *pb.InboxEvent:
		Event(m, "", "", &c)
	case *pb.DifferenceAnswer:
		for _, event := range m.GetEvents() {
			Event(event, "", "", &c)
		}
	case *pb.ConversationsAnswer:
		Conversations(m, "", &c)
	case *pb.HistoryAnswer:
		History("", m, &c)
	case *pb.MembersAnswer:
		Members(0, "", m, &c)
	case *pb.PeopleAnswer:
		Names(m, &c)
	}
	return slices.Sorted(maps.Keys(c.ids))
}

// collector is an opener that opens nothing and remembers which keys were needed, so that where sealed text stands is
// described once.
type collector struct{ ids map[string]struct{} }

// Open remembers the key.
func (c *collector) Open(sealed *pb.Sealed) (string, bool) {
	if c.ids == nil {
		c.ids = make(map[string]struct{})
	}
	c.ids[sealed.GetKeyId()] = struct{}{}
	return "", false
}

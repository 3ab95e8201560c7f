// What conversations said a moment ago. The inboxes of all members tell the same event, so it is read once and opened once.

package gateways

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	latelyMost  = 1_024    // events of a moment; with more it is over
	latelyBytes = 32 << 10 // bytes of an event that is kept
)

// lately keeps events for one moment and the next; then they are forgotten, read or not.
type lately struct {
	mu          sync.Mutex
	now, before map[string]*told // by their bytes
}

// told is an event of a conversation. Nobody changes its word; whoever opens it asks for its key each time.
type told struct {
	word  *pb.InboxEvent_Conversation
	needs []string // keys
	text  seal.Shared
}

// turn ends the moment.
func (l *lately) turn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnLocked()
}

func (l *lately) turnLocked() {
	clear(l.before)
	l.now, l.before = l.before, l.now
}

// read reads an event of an inbox. Of what a conversation said it gives what others were told, too.
func (l *lately) read(value []byte) (*pb.InboxEvent, *told, error) {
	event := new(pb.InboxEvent)
	bytes, ok := split(value, event)
	if !ok || len(bytes) > latelyBytes {
		event = new(pb.InboxEvent)
		return event, nil, event.UnmarshalVT(value)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.now[string(bytes)]
	if known == nil {
		known = l.before[string(bytes)]
	}
	fresh := known == nil
	if fresh {
		word := new(pb.ConversationSaid)
		if err := word.UnmarshalVT(bytes); err != nil {
			return nil, nil, err
		}
		known = &told{word: &pb.InboxEvent_Conversation{Conversation: word}}
		if len(l.now) >= latelyMost {
			l.turnLocked()
		}
		if l.now == nil {
			l.now = make(map[string]*told)
		}
		l.now[string(bytes)] = known
	}
	event.Word = known.word
	if fresh {
		known.needs = session.Needs(event)
	}
	return event, known, nil
}

// Fields of an InboxEvent.
const (
	fieldInboxSeq     = 1
	fieldEpoch        = 2
	fieldTimeMS       = 3
	fieldConversation = 10
)

// split takes apart what is a person's own and the bytes of what a conversation said to all. false = it is something else.
func split(value []byte, own *pb.InboxEvent) (said []byte, ok bool) {
	for len(value) > 0 {
		field, kind, n := protowire.ConsumeTag(value)
		if n < 0 {
			return nil, false
		}
		value = value[n:]
		var number uint64
		switch {
		case field == fieldConversation && kind == protowire.BytesType && said == nil:
			said, n = protowire.ConsumeBytes(value)
		case field <= fieldTimeMS && kind == protowire.VarintType:
			number, n = protowire.ConsumeVarint(value)
		default:
			return nil, false
		}
		if n < 0 {
			return nil, false
		}
		value = value[n:]
		switch field {
		case fieldInboxSeq:
			own.InboxSeq = number
		case fieldEpoch:
			own.Epoch = number
		case fieldTimeMS:
			own.TimeMs = int64(number)
		}
	}
	return said, said != nil
}

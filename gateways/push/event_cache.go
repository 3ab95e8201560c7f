// The event cache. The inboxes of all members carry the same event of a conversation, so it is decoded once and opened once.

package push

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	maxCached      = 1_024    // events of one generation; with more it is rotated
	maxCachedBytes = 32 << 10 // bytes of an event that is kept
)

// eventCache keeps events for two generations; then they are forgotten, read or not.
type eventCache struct {
	mu           sync.Mutex
	now, earlier map[string]*cachedEvent // by their bytes
}

// cachedEvent is an event of a conversation. Nobody changes its payload; whoever opens it asks for its key each time.
type cachedEvent struct {
	payload *pb.InboxEvent_Conversation
	needs   []string // ids of keys
	text    seal.Shared
}

// rotate begins a new generation and forgets the one before the last.
func (c *eventCache) rotate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rotateLocked()
}

func (c *eventCache) rotateLocked() {
	clear(c.earlier)
	c.now, c.earlier = c.earlier, c.now
}

// decode decodes an event of an inbox. The cached event is nil unless a conversation emitted it to all of its members.
func (c *eventCache) decode(value []byte) (*pb.InboxEvent, *cachedEvent, error) {
	event := new(pb.InboxEvent)
	bytes, ok := split(value, event)
	if !ok || len(bytes) > maxCachedBytes {
		event = new(pb.InboxEvent)
		return event, nil, event.UnmarshalVT(value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cached := c.now[string(bytes)]
	if cached == nil {
		cached = c.earlier[string(bytes)]
	}
	fresh := cached == nil
	if fresh {
		payload := new(pb.ConversationSaid)
		if err := payload.UnmarshalVT(bytes); err != nil {
			return nil, nil, err
		}
		cached = &cachedEvent{payload: &pb.InboxEvent_Conversation{Conversation: payload}}
		if len(c.now) >= maxCached {
			c.rotateLocked()
		}
		if c.now == nil {
			c.now = make(map[string]*cachedEvent)
		}
		c.now[string(bytes)] = cached
	}
	event.Word = cached.payload
	if fresh {
		cached.needs = translate.Needs(event)
	}
	return event, cached, nil
}

// Fields of an InboxEvent.
const (
	fieldInboxSeq     = 1
	fieldEpoch        = 2
	fieldTimeMS       = 3
	fieldConversation = 10
)

// split separates the fields that are of this inbox alone from the bytes that all members' inboxes share. ok is false for
// events of any other kind.
func split(value []byte, own *pb.InboxEvent) (shared []byte, ok bool) {
	for len(value) > 0 {
		field, kind, n := protowire.ConsumeTag(value)
		if n < 0 {
			return nil, false
		}
		value = value[n:]
		var number uint64
		switch {
		case field == fieldConversation && kind == protowire.BytesType && shared == nil:
			shared, n = protowire.ConsumeBytes(value)
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
	return shared, shared != nil
}

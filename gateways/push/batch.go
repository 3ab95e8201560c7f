// A batch is what records of one key bring to the sessions that want it, decoded once for all of them.

package push

import (
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// batch is the content of records under one key.
type batch struct {
	sub    session.Subscription
	in     session.Pushed
	cached *cachedEvent // the one event of an inbox, if other inboxes have it too
}

// open adds the keys of an inbox's events when all of them are in memory.
func (b *batch) open(ring *seal.Ring) bool {
	if len(b.in.Inbox) == 0 {
		return true
	}
	if b.cached != nil && len(b.in.Inbox) == 1 {
		keys, ok := ring.Kept(b.cached.needs)
		b.in.Open = b.cached.text.With(keys)
		return ok
	}
	keys, ok := ring.Kept(keysOf(b.in))
	b.in.Open = keys
	return ok
}

// gather decodes records into batches: one of each inbox, one of each other record, in the order in which each is met first.
func (c *eventCache) gather(records []*pb.PushedRecord) []batch {
	batches := make([]batch, 0, len(records))
	at := make(map[string]int, len(records)) // of an inbox in batches
	for _, r := range records {
		b, ok := c.batch(r)
		if !ok {
			continue // whatever it is, the dense numbers show that something is missing
		}
		if i, again := at[b.sub.Key]; again && len(b.in.Inbox) > 0 {
			batches[i].in.Inbox = append(batches[i].in.Inbox, b.in.Inbox...)
			continue
		}
		if len(b.in.Inbox) > 0 {
			at[b.sub.Key] = len(batches)
		}
		batches = append(batches, b)
	}
	return batches
}

// batch decodes one record.
func (c *eventCache) batch(r *pb.PushedRecord) (b batch, ok bool) {
	b.sub = session.Subscription{Topic: r.GetTopic(), Key: r.GetKey()}
	b.in.Key = r.GetKey()
	var err error
	switch r.GetTopic() {
	case session.InboxEvents:
		var event *pb.InboxEvent
		event, b.cached, err = c.decode(r.GetValue())
		b.in.Inbox = []*pb.InboxEvent{event}
	case session.BookmarkEvents:
		b.in.Bookmark = new(pb.BookmarkEvent)
		err = b.in.Bookmark.UnmarshalVT(r.GetValue())
	case session.AccountEvents:
		b.in.Account = new(pb.AccountEvent)
		err = b.in.Account.UnmarshalVT(r.GetValue())
	default:
		return b, false
	}
	return b, err == nil
}

// The switchboard: which session wants which key, and which dispatcher has it.
//
// A gateway keeps one stream (a link) to each dispatcher. A dispatcher says which partitions it owns; the switchboard asks
// it for the keys of those partitions that sessions here want, in bulk, and again after each change. What was lost in
// between is found by asking the heads of the people concerned.

package gateways

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	resolveEvery  = 5 * time.Second        // between looks at which dispatchers there are
	gatherHeads   = 250 * time.Millisecond // for which re-confirmed people are gathered before their heads are asked
	subscribeMost = 1_000                  // subscriptions in a message
)

type place struct {
	topic     string
	partition int32
}

// wish is who wants a key.
type wish struct {
	of        []*connection // nearly always one
	confirmed bool          // by the dispatcher that owns the key
}

type switchboard struct {
	gate   *Gateway
	lately lately

	mu        sync.Mutex
	wanted    map[session.Subscription]*wish
	owners    map[place]*link
	links     map[string]*link
	returned  map[string]struct{} // people whose subscription was lost and is back
	wakeHeads chan struct{}
}

func newSwitchboard(g *Gateway) *switchboard {
	return &switchboard{gate: g, wanted: map[session.Subscription]*wish{}, owners: map[place]*link{}, links: map[string]*link{},
		returned: map[string]struct{}{}, wakeHeads: make(chan struct{}, 1)}
}

func (b *switchboard) placeOf(sub session.Subscription) place {
	return place{sub.Topic, topology.PartitionOf(sub.Key, b.gate.cfg.Plan.Partitions)}
}

// run keeps a link to each dispatcher until ctx ends.
func (b *switchboard) run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { b.repairReturned(ctx) })
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	for {
		addresses, err := b.gate.cfg.Dispatchers(ctx)
		if err != nil && ctx.Err() == nil {
			b.gate.cfg.Logger.Warn("the dispatchers cannot be named: pushes go on over the links that are there", "error", err)
		} else if err == nil {
			b.match(ctx, &work, addresses)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// match opens links to new dispatchers and closes those to dispatchers that are named no longer.
func (b *switchboard) match(ctx context.Context, work *sync.WaitGroup, addresses []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for address, l := range b.links {
		if !slices.Contains(addresses, address) {
			l.stop()
			delete(b.links, address)
		}
	}
	for _, address := range addresses {
		if b.links[address] == nil {
			l := newLink(ctx, b, address)
			b.links[address] = l
			work.Go(l.run)
		}
	}
}

// change adds and takes away what a session wants.
func (b *switchboard) change(c *connection, add, remove []session.Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh, gone := map[*link][]*pb.Subscription{}, map[*link][]*pb.Subscription{}
	for _, sub := range remove {
		w := b.wanted[sub]
		if w == nil {
			continue
		}
		w.of = slices.DeleteFunc(w.of, func(other *connection) bool { return other == c })
		if len(w.of) == 0 {
			delete(b.wanted, sub)
			if l := b.owners[b.placeOf(sub)]; l != nil {
				gone[l] = append(gone[l], &pb.Subscription{Topic: sub.Topic, Key: sub.Key})
			}
		}
	}
	for _, sub := range add {
		w := b.wanted[sub]
		if w == nil {
			w = new(wish)
			b.wanted[sub] = w
		}
		w.of = append(w.of, c)
		if w.confirmed {
			c.push(session.Subscribed{Subscription: sub})
		} else if l := b.owners[b.placeOf(sub)]; l != nil {
			fresh[l] = append(fresh[l], &pb.Subscription{Topic: sub.Topic, Key: sub.Key})
		}
	}
	for l, subs := range gone {
		l.unsubscribe(subs)
	}
	for l, subs := range fresh {
		l.subscribe(subs)
	}
}

// owned hears what a dispatcher owns now, and asks it for the keys of the partitions that are new to it.
func (b *switchboard) owned(l *link, partitions []*pb.OwnedPartition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := make(map[place]struct{}, len(partitions))
	for _, p := range partitions {
		now[place{p.GetTopic(), p.GetPartition()}] = struct{}{}
	}
	b.disown(func(p place, owner *link) bool { _, still := now[p]; return owner == l && !still })
	fresh := make(map[place]struct{})
	for p := range now {
		if b.owners[p] != l {
			b.owners[p], fresh[p] = l, struct{}{}
		}
	}
	var subs []*pb.Subscription
	for sub, w := range b.wanted {
		if _, ok := fresh[b.placeOf(sub)]; ok {
			w.confirmed = false
			subs = append(subs, &pb.Subscription{Topic: sub.Topic, Key: sub.Key})
		}
	}
	l.subscribe(subs)
}

// lost forgets what a dispatcher owned, because its stream ended.
func (b *switchboard) lost(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.disown(func(_ place, owner *link) bool { return owner == l })
}

// disown takes partitions from their owners: their subscriptions hold no longer.
func (b *switchboard) disown(which func(place, *link) bool) {
	gone := make(map[place]struct{})
	for p, owner := range b.owners {
		if which(p, owner) {
			gone[p] = struct{}{}
			delete(b.owners, p)
		}
	}
	if len(gone) == 0 {
		return
	}
	for sub, w := range b.wanted {
		if _, ok := gone[b.placeOf(sub)]; ok {
			w.confirmed = false
		}
	}
}

// subscribed hears that records are told from now on, and tells the sessions.
func (b *switchboard) subscribed(l *link, subs []*pb.Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range subs {
		sub := session.Subscription{Topic: s.GetTopic(), Key: s.GetKey()}
		w := b.wanted[sub]
		if w == nil || b.owners[b.placeOf(sub)] != l {
			continue
		}
		w.confirmed = true
		for _, c := range w.of {
			c.push(session.Subscribed{Subscription: sub})
		}
		if sub.Topic == session.InboxEvents {
			b.returned[sub.Key] = struct{}{}
		}
	}
	select {
	case b.wakeHeads <- struct{}{}:
	default:
	}
}

// repairReturned asks the heads of the people whose subscriptions just began: after a loss thousands return at once.
func (b *switchboard) repairReturned(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wakeHeads:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gatherHeads):
		}
		b.mu.Lock()
		users := slices.Collect(maps.Keys(b.returned))
		clear(b.returned)
		b.mu.Unlock()
		b.gate.askHeads(ctx, users)
	}
}

// delivery is news for one session.
type delivery struct {
	to     *connection
	in     session.Input
	opened bool
}

// records tells sessions of records that came. What came for one inbox at once is told at once.
func (b *switchboard) records(records []*pb.PushedRecord) {
	b.gate.meter.pushed.Add(float64(len(records)))
	news := b.gather(records)
	deliveries := make([]delivery, 0, len(news))
	b.mu.Lock()
	for i := range news {
		n := &news[i]
		if w := b.wanted[n.sub]; w != nil {
			opened := n.open(b.gate.ring)
			var in session.Input = n.in // once for all of them
			for _, c := range w.of {
				deliveries = append(deliveries, delivery{c, in, opened})
			}
		}
	}
	b.mu.Unlock()
	for _, d := range deliveries {
		d.to.deliver(d.in, d.opened)
	}
}

// heard is what records said under one key.
type heard struct {
	sub  session.Subscription
	in   session.Pushed
	told *told // the one event of an inbox, if others are told it too
}

// open adds the keys to an inbox's news when all of them are in memory.
func (n *heard) open(ring *seal.Ring) bool {
	if len(n.in.Inbox) == 0 {
		return true
	}
	if n.told != nil && len(n.in.Inbox) == 1 {
		keys, ok := ring.Kept(n.told.needs)
		n.in.Open = n.told.text.With(keys)
		return ok
	}
	keys, ok := ring.Kept(keysOf(n.in))
	n.in.Open = keys
	return ok
}

// gather reads records, in the order in which each inbox, or another record, is met first.
func (b *switchboard) gather(records []*pb.PushedRecord) []heard {
	news := make([]heard, 0, len(records))
	at := make(map[string]int, len(records)) // of an inbox in news
	for _, r := range records {
		n, ok := b.read(r)
		if !ok {
			continue // whatever it is, the numbers show that something is missing
		}
		if i, again := at[n.sub.Key]; again && len(n.in.Inbox) > 0 {
			news[i].in.Inbox = append(news[i].in.Inbox, n.in.Inbox...)
			continue
		}
		if len(n.in.Inbox) > 0 {
			at[n.sub.Key] = len(news)
		}
		news = append(news, n)
	}
	return news
}

// read reads a record once for all sessions that want it.
func (b *switchboard) read(r *pb.PushedRecord) (n heard, ok bool) {
	n.sub = session.Subscription{Topic: r.GetTopic(), Key: r.GetKey()}
	n.in.Key = r.GetKey()
	var err error
	switch r.GetTopic() {
	case session.InboxEvents:
		var event *pb.InboxEvent
		event, n.told, err = b.lately.read(r.GetValue())
		n.in.Inbox = []*pb.InboxEvent{event}
	case session.BookmarkEvents:
		n.in.Bookmark = new(pb.BookmarkEvent)
		err = n.in.Bookmark.UnmarshalVT(r.GetValue())
	case session.AccountEvents:
		n.in.Account = new(pb.AccountEvent)
		err = n.in.Account.UnmarshalVT(r.GetValue())
	default:
		return n, false
	}
	return n, err == nil
}

// listeners are the sessions that want a key.
func (b *switchboard) listeners(sub session.Subscription) []*connection {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.wanted[sub]; w != nil {
		return slices.Clone(w.of)
	}
	return nil
}

// whisper passes on to the gateways of a person, over the dispatcher of the inbox. It may be lost.
func (b *switchboard) whisper(w *pb.Whisper) {
	b.mu.Lock()
	l := b.owners[b.placeOf(session.Subscription{Topic: session.InboxEvents, Key: w.GetUser()})]
	b.mu.Unlock()
	if l != nil {
		l.say(&pb.GatewaySaid{Word: &pb.GatewaySaid_Whisper{Whisper: w}}, true)
	}
}

// whispered shows a whisper to the sessions of its person.
func (b *switchboard) whispered(w *pb.Whisper) {
	frame := new(pb.ServerFrame)
	if len(w.GetFrame()) > session.MaxWhisper || frame.UnmarshalVT(w.GetFrame()) != nil {
		return
	}
	for _, c := range b.listeners(session.Subscription{Topic: session.InboxEvents, Key: w.GetUser()}) {
		c.deliver(session.Whispered{Frame: frame}, true)
	}
}

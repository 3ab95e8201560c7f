// Package push delivers the records of dispatchers to the sessions of this process.
//
// The switchboard keeps one stream (a link) to each dispatcher. A dispatcher announces which partitions it owns; the
// switchboard subscribes the keys of those partitions that sessions here want, in bulk, and again after each change. A push
// is a hint and may be lost: what was lost in between is found by asking for the heads of the users concerned.
package push

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	resolveEvery = 5 * time.Second        // between two resolutions of the dispatchers
	rotateEvery  = 100 * time.Millisecond // between two rotations of the event cache
	gatherHeads  = 250 * time.Millisecond // for which re-subscribed users are gathered before their heads are asked
)

// Config of a switchboard.
type Config struct {
	Gateway    string                 // id of this process towards dispatchers
	Partition  func(key string) int32 // of a key
	Resolve    Resolve                // finds the dispatchers
	Loopback   *Loopback              // dispatchers of the same process; nil = none
	Views      Views
	Ring       *seal.Ring
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// partition is one partition of a topic.
type partition struct {
	topic  string
	number int32
}

// want is who wants a key.
type want struct {
	by        []*Queue // nearly always one
	confirmed bool     // by the dispatcher that owns the key
}

// Switchboard knows which session wants which key, and which dispatcher owns it. It is safe for concurrent use.
type Switchboard struct {
	cfg    Config
	shared shared // by all queues
	links  linkConfig
	cache  eventCache
	stop   context.CancelFunc

	mu        sync.Mutex
	wanted    map[session.Subscription]*want
	owners    map[partition]*link
	open      map[string]*link
	returned  map[string]struct{} // users whose subscription was lost and is back
	wakeHeads chan struct{}
}

// New makes a switchboard. Nothing is pushed until Run runs.
func New(cfg Config) *Switchboard {
	m := newMeter(cfg.Registerer)
	b := &Switchboard{cfg: cfg, wanted: map[session.Subscription]*want{}, owners: map[partition]*link{}, open: map[string]*link{},
		returned: map[string]struct{}{}, wakeHeads: make(chan struct{}, 1)}
	b.links = linkConfig{gateway: cfg.Gateway, loopback: cfg.Loopback, receiver: b, links: m.links, log: cfg.Logger}
	b.shared = shared{ring: cfg.Ring, meter: m, log: cfg.Logger}
	b.shared.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// NewQueue makes the queue of a session.
func (b *Switchboard) NewQueue(to Session) Queue { return Queue{shared: &b.shared, to: to} }

// Run keeps a link to each dispatcher, and polls the heads of the people, until ctx ends.
func (b *Switchboard) Run(ctx context.Context, people People) {
	defer b.stop()
	var work sync.WaitGroup
	defer work.Wait()
	heads := &heads{views: b.cfg.Views, people: people, log: b.cfg.Logger}
	work.Go(func() { heads.run(ctx) })
	work.Go(func() { b.pollReturned(ctx, heads) })
	work.Go(func() { b.rotate(ctx) })
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	for {
		addresses, err := b.cfg.Resolve(ctx)
		if err != nil && ctx.Err() == nil {
			b.cfg.Logger.Warn("the dispatchers cannot be resolved: pushes go on over the links that are there", "error", err)
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

func (b *Switchboard) rotate(ctx context.Context) {
	ticker := time.NewTicker(rotateEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.cache.rotate()
		}
	}
}

// match opens links to new dispatchers and closes those to dispatchers that are gone.
func (b *Switchboard) match(ctx context.Context, work *sync.WaitGroup, addresses []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for address, l := range b.open {
		if !slices.Contains(addresses, address) {
			l.stop()
			delete(b.open, address)
		}
	}
	for _, address := range addresses {
		if b.open[address] == nil {
			l := newLink(ctx, &b.links, address)
			b.open[address] = l
			work.Go(l.run)
		}
	}
}

func (b *Switchboard) partitionOf(sub session.Subscription) partition {
	return partition{sub.Topic, b.cfg.Partition(sub.Key)}
}

// Change adds and removes subscriptions of a session. It never steps the session.
func (b *Switchboard) Change(q *Queue, add, remove []session.Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh, gone := map[*link][]*pb.Subscription{}, map[*link][]*pb.Subscription{}
	for _, sub := range remove {
		w := b.wanted[sub]
		if w == nil {
			continue
		}
		w.by = slices.DeleteFunc(w.by, func(other *Queue) bool { return other == q })
		if len(w.by) == 0 {
			delete(b.wanted, sub)
			if l := b.owners[b.partitionOf(sub)]; l != nil {
				gone[l] = append(gone[l], &pb.Subscription{Topic: sub.Topic, Key: sub.Key})
			}
		}
	}
	for _, sub := range add {
		w := b.wanted[sub]
		if w == nil {
			w = new(want)
			b.wanted[sub] = w
		}
		w.by = append(w.by, q)
		if w.confirmed {
			q.enqueue(session.Subscribed{Subscription: sub})
		} else if l := b.owners[b.partitionOf(sub)]; l != nil {
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

// Subscribed reports whether records of a key are pushed.
func (b *Switchboard) Subscribed(sub session.Subscription) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.wanted[sub]
	return w != nil && w.confirmed
}

// owned handles a dispatcher's assignment, and subscribes the keys of the partitions that are new to it.
func (b *Switchboard) owned(l *link, partitions []*pb.OwnedPartition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := make(map[partition]struct{}, len(partitions))
	for _, p := range partitions {
		now[partition{p.GetTopic(), p.GetPartition()}] = struct{}{}
	}
	b.disown(func(p partition, owner *link) bool { _, still := now[p]; return owner == l && !still })
	fresh := make(map[partition]struct{})
	for p := range now {
		if b.owners[p] != l {
			b.owners[p], fresh[p] = l, struct{}{}
		}
	}
	var subs []*pb.Subscription
	for sub, w := range b.wanted {
		if _, ok := fresh[b.partitionOf(sub)]; ok {
			w.confirmed = false
			subs = append(subs, &pb.Subscription{Topic: sub.Topic, Key: sub.Key})
		}
	}
	l.subscribe(subs)
}

// lost forgets what a dispatcher owned, because its stream ended.
func (b *Switchboard) lost(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.disown(func(_ partition, owner *link) bool { return owner == l })
}

// disown takes partitions from their owners: subscriptions to their keys are no longer confirmed.
func (b *Switchboard) disown(which func(partition, *link) bool) {
	gone := make(map[partition]struct{})
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
		if _, ok := gone[b.partitionOf(sub)]; ok {
			w.confirmed = false
		}
	}
}

// subscribed handles a dispatcher's confirmation: from now on records of these keys are pushed.
func (b *Switchboard) subscribed(l *link, subs []*pb.Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range subs {
		sub := session.Subscription{Topic: s.GetTopic(), Key: s.GetKey()}
		w := b.wanted[sub]
		if w == nil || b.owners[b.partitionOf(sub)] != l {
			continue
		}
		w.confirmed = true
		for _, q := range w.by {
			q.enqueue(session.Subscribed{Subscription: sub})
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

// pollReturned polls the heads of the users whose subscriptions just began: after a loss thousands return at once.
func (b *Switchboard) pollReturned(ctx context.Context, heads *heads) {
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
		heads.poll(ctx, users)
	}
}

// delivery is what is pushed to one session.
type delivery struct {
	to     *Queue
	in     session.Input
	opened bool
}

// records delivers records to the sessions that want them. What came for one inbox at once is delivered at once.
func (b *Switchboard) records(records []*pb.PushedRecord) {
	b.shared.meter.pushed.Add(float64(len(records)))
	batches := b.cache.gather(records)
	deliveries := make([]delivery, 0, len(batches))
	b.mu.Lock()
	for i := range batches {
		batch := &batches[i]
		if w := b.wanted[batch.sub]; w != nil {
			opened := batch.open(b.cfg.Ring)
			var in session.Input = batch.in // one allocation for all queues
			for _, q := range w.by {
				deliveries = append(deliveries, delivery{q, in, opened})
			}
		}
	}
	b.mu.Unlock()
	for _, d := range deliveries {
		d.to.deliver(d.in, d.opened)
	}
}

// Whisper passes a whisper on to the gateways of its user, over the dispatcher that owns the inbox. It may be lost.
func (b *Switchboard) Whisper(w *pb.Whisper) {
	b.mu.Lock()
	l := b.owners[b.partitionOf(session.Subscription{Topic: session.InboxEvents, Key: w.GetUser()})]
	b.mu.Unlock()
	if l != nil {
		l.whisper(w)
	}
}

// whispered delivers a whisper to the sessions of its user.
func (b *Switchboard) whispered(w *pb.Whisper) {
	frame := new(pb.ServerFrame)
	if len(w.GetFrame()) > session.MaxWhisper || frame.UnmarshalVT(w.GetFrame()) != nil {
		return
	}
	for _, q := range b.queues(session.Subscription{Topic: session.InboxEvents, Key: w.GetUser()}) {
		q.deliver(session.Whispered{Frame: frame}, true)
	}
}

// queues are the queues of the sessions that want a key.
func (b *Switchboard) queues(sub session.Subscription) []*Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.wanted[sub]; w != nil {
		return slices.Clone(w.by)
	}
	return nil
}

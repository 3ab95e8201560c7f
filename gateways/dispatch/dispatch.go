// Package dispatch pushes records to the gateways that asked for them.
//
// A dispatcher follows partitions of the event topics, from their end on. Each gateway keeps one stream to it, hears which
// partitions it owns, and subscribes keys. All of that lives in memory and may be lost with the process: a push is a hint,
// and whoever misses one notices by its dense number. So nothing here waits for anybody: a gateway that does not keep up
// is cut, comes back, and repairs by the difference.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of a dispatcher.
const (
	MaxAtOnce        = 1_000     // subscriptions in a message, and records
	MaxSubscriptions = 1_000_000 // of one gateway
	MaxQueued        = 16_384    // records that wait for one gateway
	MaxQueuedBytes   = 16 << 20  // bytes that wait for one gateway
	MaxWhispers      = 1_024     // whispers that wait for one gateway; more are dropped
)

// ErrTooSlow ends the stream of a gateway that did not keep up.
var ErrTooSlow = errors.New("dispatch: this gateway did not keep up: attach again and ask the difference")

// ErrClosed refuses a gateway because the dispatcher goes away.
var ErrClosed = errors.New("dispatch: this dispatcher goes away: attach to another")

// Config is what a dispatcher needs to know.
type Config struct {
	Partition func(key string) int32 // where a key lives
	Log       *slog.Logger
}

// Dispatcher keeps who wants what. It implements the push service and is safe for concurrent use.
type Dispatcher struct {
	cfg Config

	mu      sync.RWMutex
	owned   map[place]struct{}
	wanted  map[session.Subscription][]*stream // by one, nearly always
	streams map[*stream]struct{}
	closed  bool
}

type place struct {
	topic     string
	partition int32
}

// New makes a dispatcher that owns nothing yet.
func New(cfg Config) *Dispatcher {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Dispatcher{cfg: cfg, owned: map[place]struct{}{},
		wanted: map[session.Subscription][]*stream{}, streams: map[*stream]struct{}{}}
}

// Own replaces the partitions that are owned, and tells every gateway. Call it before the records of a new partition.
func (d *Dispatcher) Own(partitions []*pb.OwnedPartition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owned = make(map[place]struct{}, len(partitions))
	for _, p := range partitions {
		d.owned[place{p.GetTopic(), p.GetPartition()}] = struct{}{}
	}
	for s := range d.streams {
		s.put(d.ownedNow(), 0)
	}
}

// ownedNow says what is owned. Never gathered with an earlier saying: a partition that went and came back lost records.
func (d *Dispatcher) ownedNow() *pb.DispatcherSaid {
	owned := new(pb.Owned)
	for p := range d.owned {
		owned.Partitions = append(owned.Partitions, &pb.OwnedPartition{Topic: p.topic, Partition: p.partition})
	}
	return &pb.DispatcherSaid{Word: &pb.DispatcherSaid_Owned{Owned: owned}}
}

// Push tells records of owned partitions, in their order, to whoever wants them.
func (d *Dispatcher) Push(records []*pb.PushedRecord) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, r := range records {
		for _, s := range d.wanted[session.Subscription{Topic: r.GetTopic(), Key: r.GetKey()}] {
			s.putRecord(r)
		}
	}
}

// Count says how many gateways are attached and how many subscriptions they hold.
func (d *Dispatcher) Count() (gateways, subscriptions int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.streams), len(d.wanted)
}

// Line is the way to one gateway: a stream of the push service, or within a process.
type Line interface {
	Recv(ctx context.Context) (*pb.GatewaySaid, error)
	Send(ctx context.Context, said *pb.DispatcherSaid) error
}

// Attach serves the stream of one gateway.
func (d *Dispatcher) Attach(ctx context.Context, rpc rpcv1.PushService_AttachServer) error {
	return d.Keep(ctx, rpc)
}

// Keep serves one gateway until its line ends, or it is cut.
func (d *Dispatcher) Keep(ctx context.Context, line Line) error {
	ctx, over := context.WithCancel(ctx)
	defer over()
	s := newStream()
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.streams[s] = struct{}{}
	s.put(d.ownedNow(), 0)
	d.mu.Unlock()
	defer d.detach(s)

	ended := make(chan error, 2)
	go func() { ended <- s.send(ctx, line) }()
	go func() { ended <- d.hear(ctx, s, line) }()
	select {
	case err := <-ended: // returning ends the stream, and with it the other one
		return err
	case <-s.cut:
		return ErrTooSlow
	}
}

// Close cuts every gateway, so that each looks for the next owner, and refuses those that come.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for s := range d.streams {
		s.end()
	}
}

func (d *Dispatcher) detach(s *stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.end()
	delete(d.streams, s)
	for sub := range d.wanted { // the stream keeps no list of its own: it ends seldom, and would double what a subscription costs
		d.forget(s, sub)
	}
	if s.slow {
		d.cfg.Log.Warn("a gateway did not keep up and was cut", "gateway", s.gateway)
	}
}

func (d *Dispatcher) forget(s *stream, sub session.Subscription) {
	at := slices.Index(d.wanted[sub], s)
	if at < 0 {
		return
	}
	s.wants--
	if len(d.wanted[sub]) == 1 {
		delete(d.wanted, sub)
		return
	}
	d.wanted[sub] = slices.Delete(d.wanted[sub], at, at+1)
}

// hear takes what the gateway says.
func (d *Dispatcher) hear(ctx context.Context, s *stream, line Line) error {
	for {
		said, err := line.Recv(ctx)
		if err != nil {
			return err
		}
		switch word := said.GetWord().(type) {
		case *pb.GatewaySaid_Hello:
			d.mu.Lock()
			s.gateway = word.Hello.GetGatewayId()
			d.mu.Unlock()
		case *pb.GatewaySaid_Subscribe:
			err = d.subscribe(s, word.Subscribe.GetSubscriptions())
		case *pb.GatewaySaid_Unsubscribe:
			err = d.unsubscribe(s, word.Unsubscribe.GetSubscriptions())
		case *pb.GatewaySaid_Whisper:
			d.whisper(said.GetWhisper())
		}
		if err != nil {
			return err
		}
	}
}

// subscribe confirms the keys whose partitions are owned: records behind the confirmation are told.
func (d *Dispatcher) subscribe(s *stream, subs []*pb.Subscription) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(subs) > MaxAtOnce || s.wants+len(subs) > MaxSubscriptions {
		return fmt.Errorf("dispatch: more than %d subscriptions at once or %d in all", MaxAtOnce, MaxSubscriptions)
	}
	confirmed := new(pb.Subscribed)
	for _, sub := range subs {
		key := session.Subscription{Topic: sub.GetTopic(), Key: sub.GetKey()}
		if _, ok := d.owned[place{key.Topic, d.cfg.Partition(key.Key)}]; !ok {
			continue // the owner will announce itself, and the gateway asks there
		}
		if !slices.Contains(d.wanted[key], s) {
			d.wanted[key] = append(d.wanted[key], s)
			s.wants++
		}
		confirmed.Subscriptions = append(confirmed.Subscriptions, sub)
	}
	if len(confirmed.Subscriptions) > 0 {
		s.put(&pb.DispatcherSaid{Word: &pb.DispatcherSaid_Subscribed{Subscribed: confirmed}}, 0)
	}
	return nil
}

func (d *Dispatcher) unsubscribe(s *stream, subs []*pb.Subscription) error {
	if len(subs) > MaxAtOnce {
		return fmt.Errorf("dispatch: more than %d subscriptions at once", MaxAtOnce)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, sub := range subs {
		d.forget(s, session.Subscription{Topic: sub.GetTopic(), Key: sub.GetKey()})
	}
	return nil
}

// whisper passes on to the gateways of a person. It is never kept and may be dropped.
func (d *Dispatcher) whisper(w *pb.Whisper) {
	if len(w.GetFrame()) > session.MaxWhisper {
		return
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, s := range d.wanted[session.Subscription{Topic: session.InboxEvents, Key: w.GetUser()}] {
		s.putWhisper(w)
	}
}

// Package dispatch pushes records to the gateways that asked for them.
//
// A dispatcher follows partitions of the event topics, from their end on. Each gateway keeps one stream to it, learns which
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

// ErrClosed refuses a gateway because the dispatcher is shutting down.
var ErrClosed = errors.New("dispatch: this dispatcher goes away: attach to another")

// Config is what a dispatcher needs to know.
type Config struct {
	Partition func(key string) int32 // where a key lives
	Log       *slog.Logger
}

// Dispatcher knows which gateway subscribed which key. It implements the push service and is safe for concurrent use.
type Dispatcher struct {
	cfg Config

	mu      sync.RWMutex
	owned   map[partition]struct{}
	wanted  map[session.Subscription][]*stream // nearly always one
	streams map[*stream]struct{}
	closed  bool
}

type partition struct {
	topic  string
	number int32
}

// New makes a dispatcher that owns nothing yet.
func New(cfg Config) *Dispatcher {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Dispatcher{cfg: cfg, owned: map[partition]struct{}{},
		wanted: map[session.Subscription][]*stream{}, streams: map[*stream]struct{}{}}
}

// Own replaces the assignment and announces it to every gateway. Call it before the records of a new partition.
func (d *Dispatcher) Own(partitions []*pb.OwnedPartition) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owned = make(map[partition]struct{}, len(partitions))
	for _, p := range partitions {
		d.owned[partition{p.GetTopic(), p.GetPartition()}] = struct{}{}
	}
	for s := range d.streams {
		s.put(d.ownedNow(), 0)
	}
}

// ownedNow is the announcement of the assignment. Two are never merged: a partition that went and came back lost records.
func (d *Dispatcher) ownedNow() *pb.DispatcherSaid {
	owned := new(pb.Owned)
	for p := range d.owned {
		owned.Partitions = append(owned.Partitions, &pb.OwnedPartition{Topic: p.topic, Partition: p.number})
	}
	return &pb.DispatcherSaid{Word: &pb.DispatcherSaid_Owned{Owned: owned}}
}

// Push sends records of owned partitions, in their order, to the gateways that subscribed.
func (d *Dispatcher) Push(records []*pb.PushedRecord) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, r := range records {
		for _, s := range d.wanted[session.Subscription{Topic: r.GetTopic(), Key: r.GetKey()}] {
			s.putRecord(r)
		}
	}
}

// Count is how many gateways are attached and how many subscriptions they hold.
func (d *Dispatcher) Count() (gateways, subscriptions int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.streams), len(d.wanted)
}

// Stream is the way to one gateway: of the push service, or within a process.
type Stream interface {
	Recv(ctx context.Context) (*pb.GatewaySaid, error)
	Send(ctx context.Context, message *pb.DispatcherSaid) error
}

// Attach serves the stream of one gateway.
func (d *Dispatcher) Attach(ctx context.Context, rpc rpcv1.PushService_AttachServer) error {
	return d.ServeStream(ctx, rpc)
}

// ServeStream serves one gateway until its stream ends, or it is cut.
func (d *Dispatcher) ServeStream(ctx context.Context, rpc Stream) error {
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
	go func() { ended <- s.send(ctx, rpc) }()
	go func() { ended <- d.receive(ctx, s, rpc) }()
	select {
	case err := <-ended: // returning ends the stream, and with it the other one
		return err
	case <-s.cut:
		return ErrTooSlow
	}
}

// Close cuts every gateway, so that each attaches to the next owner, and refuses new ones.
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
	for sub := range d.wanted { // the stream keeps no list of its own: it ends seldom, and a list would double the memory of a subscription
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

// receive handles the messages of a gateway.
func (d *Dispatcher) receive(ctx context.Context, s *stream, rpc Stream) error {
	for {
		message, err := rpc.Recv(ctx)
		if err != nil {
			return err
		}
		switch payload := message.GetWord().(type) {
		case *pb.GatewaySaid_Hello:
			d.mu.Lock()
			s.gateway = payload.Hello.GetGatewayId()
			d.mu.Unlock()
		case *pb.GatewaySaid_Subscribe:
			err = d.subscribe(s, payload.Subscribe.GetSubscriptions())
		case *pb.GatewaySaid_Unsubscribe:
			err = d.unsubscribe(s, payload.Unsubscribe.GetSubscriptions())
		case *pb.GatewaySaid_Whisper:
			d.whisper(message.GetWhisper())
		}
		if err != nil {
			return err
		}
	}
}

// subscribe confirms the keys whose partitions are owned: records after the confirmation are sent.
func (d *Dispatcher) subscribe(s *stream, subs []*pb.Subscription) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(subs) > MaxAtOnce || s.wants+len(subs) > MaxSubscriptions {
		return fmt.Errorf("dispatch: more than %d subscriptions at once or %d in all", MaxAtOnce, MaxSubscriptions)
	}
	confirmed := new(pb.Subscribed)
	for _, sub := range subs {
		key := session.Subscription{Topic: sub.GetTopic(), Key: sub.GetKey()}
		if _, ok := d.owned[partition{key.Topic, d.cfg.Partition(key.Key)}]; !ok {
			continue // the owner will announce itself, and the gateway subscribes there
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

// whisper forwards to the gateways of a user. It is never kept and may be dropped.
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

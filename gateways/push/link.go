// A link is the stream to one dispatcher, opened again with backoff whenever it ends.

package push

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/grpc"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/pushservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	connectTimeout   = 2 * time.Second
	minBackoff       = 100 * time.Millisecond // doubled after each attempt
	maxBackoff       = 5 * time.Second
	streamWindow     = 1 << 20          // bytes that a dispatcher may send ahead
	keepaliveAfter   = 10 * time.Second // of silence; then the dispatcher is asked whether it is there
	maxLinkQueue     = 16_384           // messages that wait for a dispatcher; with more the link is cut and attaches anew
	maxSubscriptions = 1_000            // in one message
)

// receiver handles what a dispatcher sends.
type receiver interface {
	owned(*link, []*pb.OwnedPartition)
	records([]*pb.PushedRecord)
	subscribed(*link, []*pb.Subscription)
	whispered(*pb.Whisper)
	lost(*link)
}

// linkConfig is what all links of a switchboard share.
type linkConfig struct {
	gateway  string
	loopback *Loopback
	receiver receiver
	links    prometheus.Gauge
	log      *slog.Logger
}

// link is the stream to one dispatcher.
type link struct {
	cfg     *linkConfig
	address string
	ctx     context.Context
	stop    context.CancelFunc

	mu    sync.Mutex
	queue []*pb.GatewaySaid
	up    bool
	ready chan struct{}
	cut   context.CancelFunc // ends the stream that is up
}

func newLink(ctx context.Context, cfg *linkConfig, address string) *link {
	ctx, stop := context.WithCancel(ctx)
	return &link{cfg: cfg, address: address, ctx: ctx, stop: stop, ready: make(chan struct{}, 1)}
}

// run attaches, again and again, until the link is stopped.
func (l *link) run() {
	log, wait := l.cfg.log.With("dispatcher", l.address), minBackoff
	for l.ctx.Err() == nil {
		began := time.Now()
		err := l.attach()
		l.cfg.receiver.lost(l)
		if l.ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxBackoff {
			wait = minBackoff
		}
		log.Warn("the stream to a dispatcher ended: attaching again, sessions repair themselves meanwhile", "error", err, "after", wait)
		select {
		case <-l.ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, maxBackoff)
	}
}

// stream is the way to a dispatcher: of the push service, or the loopback.
type stream interface {
	Recv(ctx context.Context) (*pb.DispatcherSaid, error)
	Send(ctx context.Context, message *pb.GatewaySaid) error
}

// open opens a stream that ends with ctx.
func (l *link) open(ctx context.Context) (stream, error) {
	if d := l.cfg.loopback.At(l.address); d != nil {
		return attachLoopback(ctx, d), nil
	}
	rpc, err := pushservice.NewClient("parley.dispatch",
		client.WithHostPorts(l.address),
		client.WithConnectTimeout(connectTimeout),
		client.WithGRPCInitialWindowSize(streamWindow),
		client.WithGRPCKeepaliveParams(grpc.ClientKeepalive{Time: keepaliveAfter, Timeout: connectTimeout, PermitWithoutStream: false}))
	if err != nil {
		return nil, fmt.Errorf("push: dispatcher %s: %w", l.address, err)
	}
	attached, err := rpc.Attach(ctx)
	if err != nil {
		return nil, fmt.Errorf("push: attach to %s: %w", l.address, err)
	}
	return attached, nil
}

// attach keeps one stream for as long as it lasts.
func (l *link) attach() error {
	ctx, cut := context.WithCancel(l.ctx)
	defer cut()
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.queue, l.up, l.cut = nil, true, cut
	l.mu.Unlock()
	defer l.down()
	l.send(&pb.GatewaySaid{Word: &pb.GatewaySaid_Hello{Hello: &pb.GatewayHello{GatewayId: l.cfg.gateway}}}, false)
	l.cfg.links.Inc()
	defer l.cfg.links.Dec()

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer cut()
		l.drain(ctx, s)
	}()
	for {
		message, err := s.Recv(ctx)
		if err != nil {
			cut()
			<-sent
			return err
		}
		l.receive(message)
	}
}

func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.queue = false, nil
}

func (l *link) receive(message *pb.DispatcherSaid) {
	switch payload := message.GetWord().(type) {
	case *pb.DispatcherSaid_Owned:
		l.cfg.receiver.owned(l, payload.Owned.GetPartitions())
	case *pb.DispatcherSaid_Records:
		l.cfg.receiver.records(payload.Records.GetRecords())
	case *pb.DispatcherSaid_Subscribed:
		l.cfg.receiver.subscribed(l, payload.Subscribed.GetSubscriptions())
	case *pb.DispatcherSaid_Whisper:
		l.cfg.receiver.whispered(payload.Whisper)
	}
}

// drain sends what is queued until ctx ends.
func (l *link) drain(ctx context.Context, s stream) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.ready:
		}
		l.mu.Lock()
		queue := l.queue
		l.queue = nil
		l.mu.Unlock()
		for _, message := range queue {
			if s.Send(ctx, message) != nil {
				return
			}
		}
	}
}

// send queues a message. When the queue is full, a message that may be lost is dropped; any other cuts the link, which then
// attaches anew with everything that is wanted.
func (l *link) send(message *pb.GatewaySaid, mayBeLost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		return // it attaches anew with everything that is wanted
	}
	if len(l.queue) >= maxLinkQueue {
		if !mayBeLost {
			l.cut()
		}
		return
	}
	l.queue = append(l.queue, message)
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

func (l *link) subscribe(subs []*pb.Subscription) {
	for page := range slices.Chunk(subs, maxSubscriptions) {
		l.send(&pb.GatewaySaid{Word: &pb.GatewaySaid_Subscribe{Subscribe: &pb.Subscribe{Subscriptions: page}}}, false)
	}
}

func (l *link) unsubscribe(subs []*pb.Subscription) {
	for page := range slices.Chunk(subs, maxSubscriptions) {
		l.send(&pb.GatewaySaid{Word: &pb.GatewaySaid_Unsubscribe{Unsubscribe: &pb.Unsubscribe{Subscriptions: page}}}, false)
	}
}

func (l *link) whisper(w *pb.Whisper) {
	l.send(&pb.GatewaySaid{Word: &pb.GatewaySaid_Whisper{Whisper: w}}, true)
}

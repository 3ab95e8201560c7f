// A link: the stream to one dispatcher, opened again whenever it ends.

package gateways

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/grpc"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/pushservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	linkWithin  = 2 * time.Second        // to connect
	linkAgain   = 100 * time.Millisecond // before the first new attempt; doubled each time
	linkMost    = 5 * time.Second        // between attempts at most
	linkWindow  = 1 << 20                // bytes a dispatcher may send ahead
	linkSilence = 10 * time.Second       // after which the dispatcher is asked whether it is there
	linkQueue   = 16_384                 // messages that wait for a dispatcher; with more the link is cut and begins anew
)

// link is the stream to one dispatcher.
type link struct {
	board   *switchboard
	address string
	ctx     context.Context
	stop    context.CancelFunc

	mu    sync.Mutex
	queue []*pb.GatewaySaid // nil entries never
	up    bool
	ready chan struct{}
	cut   context.CancelFunc // ends the stream that is up
}

func newLink(ctx context.Context, b *switchboard, address string) *link {
	ctx, stop := context.WithCancel(ctx)
	return &link{board: b, address: address, ctx: ctx, stop: stop, ready: make(chan struct{}, 1)}
}

// run attaches, again and again, until the link is stopped.
func (l *link) run() {
	log, wait := l.board.gate.cfg.Logger.With("dispatcher", l.address), linkAgain
	for l.ctx.Err() == nil {
		began := time.Now()
		err := l.attach()
		l.board.lost(l)
		if l.ctx.Err() != nil {
			return
		}
		if time.Since(began) > linkMost {
			wait = linkAgain
		}
		log.Warn("the stream to a dispatcher ended: attaching again, people repair themselves meanwhile", "error", err, "after", wait)
		select {
		case <-l.ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, linkMost)
	}
}

// line is the way to a dispatcher: a stream of the push service, or within this process.
type line interface {
	Recv(ctx context.Context) (*pb.DispatcherSaid, error)
	Send(ctx context.Context, said *pb.GatewaySaid) error
}

// open opens a line that ends with ctx.
func (l *link) open(ctx context.Context) (line, error) {
	if d := l.board.gate.cfg.Beside.at(l.address); d != nil {
		return attachNear(ctx, d), nil
	}
	rpc, err := pushservice.NewClient("parley.dispatch",
		client.WithHostPorts(l.address),
		client.WithConnectTimeout(linkWithin),
		client.WithGRPCInitialWindowSize(linkWindow),
		client.WithGRPCKeepaliveParams(grpc.ClientKeepalive{Time: linkSilence, Timeout: linkWithin, PermitWithoutStream: false}))
	if err != nil {
		return nil, fmt.Errorf("gateways: dispatcher %s: %w", l.address, err)
	}
	stream, err := rpc.Attach(ctx)
	if err != nil {
		return nil, fmt.Errorf("gateways: attach to %s: %w", l.address, err)
	}
	return stream, nil
}

// attach keeps one line for as long as it lasts.
func (l *link) attach() error {
	ctx, cut := context.WithCancel(l.ctx)
	defer cut()
	stream, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.queue, l.up, l.cut = nil, true, cut
	l.mu.Unlock()
	defer l.down()
	l.say(&pb.GatewaySaid{Word: &pb.GatewaySaid_Hello{Hello: &pb.GatewayHello{GatewayId: l.board.gate.cfg.ID}}}, false)
	l.board.gate.meter.links.Inc()
	defer l.board.gate.meter.links.Dec()

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer cut()
		l.send(ctx, stream)
	}()
	for {
		said, err := stream.Recv(ctx)
		if err != nil {
			cut()
			<-sent
			return err
		}
		l.hear(said)
	}
}

func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up, l.queue = false, nil
}

func (l *link) hear(said *pb.DispatcherSaid) {
	switch word := said.GetWord().(type) {
	case *pb.DispatcherSaid_Owned:
		l.board.owned(l, word.Owned.GetPartitions())
	case *pb.DispatcherSaid_Records:
		l.board.records(word.Records.GetRecords())
	case *pb.DispatcherSaid_Subscribed:
		l.board.subscribed(l, word.Subscribed.GetSubscriptions())
	case *pb.DispatcherSaid_Whisper:
		l.board.whispered(word.Whisper)
	}
}

// send sends what waits.
func (l *link) send(ctx context.Context, stream line) {
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
		for _, said := range queue {
			if stream.Send(ctx, said) != nil {
				return
			}
		}
	}
}

// say lets a message wait. What may be lost is dropped when too much waits; anything else cuts the link, which begins anew
// with everything that is wanted.
func (l *link) say(said *pb.GatewaySaid, mayBeLost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		return // it begins anew with everything that is wanted
	}
	if len(l.queue) >= linkQueue {
		if !mayBeLost {
			l.cut()
		}
		return
	}
	l.queue = append(l.queue, said)
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

func (l *link) subscribe(subs []*pb.Subscription) {
	for page := range slices.Chunk(subs, subscribeMost) {
		l.say(&pb.GatewaySaid{Word: &pb.GatewaySaid_Subscribe{Subscribe: &pb.Subscribe{Subscriptions: page}}}, false)
	}
}

func (l *link) unsubscribe(subs []*pb.Subscription) {
	for page := range slices.Chunk(subs, subscribeMost) {
		l.say(&pb.GatewaySaid{Word: &pb.GatewaySaid_Unsubscribe{Unsubscribe: &pb.Unsubscribe{Subscriptions: page}}}, false)
	}
}

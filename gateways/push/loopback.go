// The loopback connects gateways to dispatchers of the same process without a network.

package push

import (
	"context"
	"sync"

	"github.com/parley-im/parley/gateways/dispatch"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// loopbackQueue is how many messages are in flight in each direction; then the sender blocks, as on a network.
const loopbackQueue = 16

// Loopback holds the dispatchers of this process by the addresses that they listen on. Its zero value, and nil, hold none.
type Loopback struct {
	mu   sync.Mutex
	here map[string]*dispatch.Dispatcher
}

// Add registers a dispatcher.
func (l *Loopback) Add(address string, d *dispatch.Dispatcher) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.here == nil {
		l.here = map[string]*dispatch.Dispatcher{}
	}
	l.here[address] = d
}

// Remove takes a dispatcher out.
func (l *Loopback) Remove(address string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.here, address)
}

// At returns the dispatcher that listens on an address; nil = none of this process.
func (l *Loopback) At(address string) *dispatch.Dispatcher {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.here[address]
}

// clientEnd is the gateway's end of a stream to a dispatcher of this process.
type clientEnd struct {
	up   chan *pb.GatewaySaid
	down chan *pb.DispatcherSaid
	over chan struct{} // closed when the dispatcher ended the stream
	err  error         // why; read when over is closed
}

// attachLoopback opens a stream that ends with ctx, or when the dispatcher ends it.
func attachLoopback(ctx context.Context, d *dispatch.Dispatcher) *clientEnd {
	c := &clientEnd{up: make(chan *pb.GatewaySaid, loopbackQueue), down: make(chan *pb.DispatcherSaid, loopbackQueue), over: make(chan struct{})}
	go func() {
		c.err = d.ServeStream(ctx, serverEnd{c})
		close(c.over)
	}()
	return c
}

// Recv receives from the dispatcher.
func (c *clientEnd) Recv(ctx context.Context) (*pb.DispatcherSaid, error) {
	select {
	case message := <-c.down:
		return message, nil
	case <-c.over:
		return nil, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send sends to the dispatcher.
func (c *clientEnd) Send(ctx context.Context, message *pb.GatewaySaid) error {
	select {
	case c.up <- message:
		return nil
	case <-c.over:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serverEnd is the dispatcher's end of the same stream.
type serverEnd struct{ *clientEnd }

// Recv receives from the gateway.
func (s serverEnd) Recv(ctx context.Context) (*pb.GatewaySaid, error) {
	select {
	case message := <-s.up:
		return message, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send sends to the gateway.
func (s serverEnd) Send(ctx context.Context, message *pb.DispatcherSaid) error {
	select {
	case s.down <- message:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

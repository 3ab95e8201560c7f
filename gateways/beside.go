// A dispatcher in the same process is spoken to without a network between.

package gateways

import (
	"context"
	"sync"

	"github.com/parley-im/parley/gateways/dispatch"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// besideQueue is how many messages are on their way in each direction; then whoever sends waits, as on a network.
const besideQueue = 16

// Beside names the dispatchers of this process by the addresses that they listen on. Its zero value names none.
type Beside struct {
	mu   sync.Mutex
	here map[string]*dispatch.Dispatcher
}

func (b *Beside) add(address string, d *dispatch.Dispatcher) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.here == nil {
		b.here = map[string]*dispatch.Dispatcher{}
	}
	b.here[address] = d
}

func (b *Beside) remove(address string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.here, address)
}

// at is the dispatcher that listens on an address; nil = none of this process.
func (b *Beside) at(address string) *dispatch.Dispatcher {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.here[address]
}

// near is a line to a dispatcher of this process, as the gateway sees it.
type near struct {
	up   chan *pb.GatewaySaid
	down chan *pb.DispatcherSaid
	over chan struct{} // closed when the dispatcher ended it
	err  error         // why; read when over is closed
}

// attachNear begins a line that ends with ctx, or when the dispatcher ends it.
func attachNear(ctx context.Context, d *dispatch.Dispatcher) *near {
	n := &near{up: make(chan *pb.GatewaySaid, besideQueue), down: make(chan *pb.DispatcherSaid, besideQueue), over: make(chan struct{})}
	go func() {
		n.err = d.Keep(ctx, far{n})
		close(n.over)
	}()
	return n
}

// Recv waits for the dispatcher.
func (n *near) Recv(ctx context.Context) (*pb.DispatcherSaid, error) {
	select {
	case said := <-n.down:
		return said, nil
	case <-n.over:
		return nil, n.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send speaks to the dispatcher.
func (n *near) Send(ctx context.Context, said *pb.GatewaySaid) error {
	select {
	case n.up <- said:
		return nil
	case <-n.over:
		return n.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// far is the same line as the dispatcher sees it.
type far struct{ *near }

// Recv waits for the gateway.
func (f far) Recv(ctx context.Context) (*pb.GatewaySaid, error) {
	select {
	case said := <-f.up:
		return said, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send speaks to the gateway.
func (f far) Send(ctx context.Context, said *pb.DispatcherSaid) error {
	select {
	case f.down <- said:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Serving the push service over Kitex's gRPC, whose streams have back-pressure.

package dispatch

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/cloudwego/kitex/pkg/remote/trans/nphttp2/grpc"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/server"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/pushservice"
)

const (
	serviceName  = "parley.dispatch"
	leaveWithin  = time.Second // for streams that were cut to notice
	streamWindow = 1 << 20     // bytes in flight on a stream before its gateway has to take some

	// askedEvery is how often a gateway may ask whether we are there; it asks every 10 s. With gRPC's own 5 minutes a stream
	// without traffic would be cut for its third question.
	askedEvery = 5 * time.Second
)

// Serve serves until ctx ends.
func (d *Dispatcher) Serve(ctx context.Context, listener net.Listener) error {
	leave := make(chan error)
	svr := pushservice.NewServer(d,
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: serviceName}),
		server.WithGRPCInitialWindowSize(streamWindow),
		server.WithGRPCKeepaliveEnforcementPolicy(grpc.EnforcementPolicy{MinTime: askedEvery}),
		server.WithExitWaitTime(leaveWithin),
		server.WithExitSignal(func() <-chan error { return leave }))
	done := make(chan error, 1)
	go func() { done <- svr.Run() }()
	select {
	case err := <-done:
		return fmt.Errorf("dispatch: serve: %w", err)
	case <-ctx.Done():
		d.Close()
		close(leave)
		<-done
		return nil
	}
}

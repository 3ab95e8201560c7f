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
	exitTimeout  = time.Second // for streams that were cut to notice
	streamWindow = 1 << 20     // bytes in flight on a stream before its gateway has to take some

	// minKeepalive is how often a gateway may send keepalive pings; it sends one every 10 s. With gRPC's default of 5 minutes
	// an idle stream would be cut at its third ping.
	minKeepalive = 5 * time.Second
)

// Serve serves until ctx ends.
func (d *Dispatcher) Serve(ctx context.Context, listener net.Listener) error {
	leave := make(chan error)
	svr := pushservice.NewServer(d,
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: serviceName}),
		server.WithGRPCInitialWindowSize(streamWindow),
		server.WithGRPCKeepaliveEnforcementPolicy(grpc.EnforcementPolicy{MinTime: minKeepalive}),
		server.WithExitWaitTime(exitTimeout),
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

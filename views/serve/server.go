// The query service on the network: Kitex over gRPC.
//
// gRPC and not TTHeader, although that costs less: a mesh can read its headers (lanes), and when a replica stops its clients
// receive GOAWAY, where Kitex v0.16.1's mux over TTHeader panics in its connection pool.

package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cloudwego/kitex/pkg/limit"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/server"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
)

// serviceName is the name of the service in Kitex.
const serviceName = "parley.query"

// Limits of the server.
const (
	maxConnections = 4096 // of all gateways to one replica
	maxPerSecond   = 50_000
	drainTimeout   = 5 * time.Second // for questions in progress when the server stops
)

// Serve answers questions at an address until ctx ends.
func Serve(ctx context.Context, address string, source Source) error {
	if lists, documents := source(ctx); lists == nil || documents == nil {
		return errors.New("the query service reads every view: open Redis and a store of documents for it")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for questions: %w", err)
	}
	return On(ctx, listener, source)
}

// On is Serve on a listener that is open already; it closes it.
func On(ctx context.Context, listener net.Listener, source Source) error {
	exit := make(chan error, 1)
	service := queryservice.NewServer(pinned(source),
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: serviceName}),
		server.WithLimit(&limit.Option{MaxConnections: maxConnections, MaxQPS: maxPerSecond}),
		server.WithExitWaitTime(drainTimeout),
		server.WithExitSignal(func() <-chan error { return exit }), // the process handles signals, not the service
	)
	stop := context.AfterFunc(ctx, func() { exit <- nil })
	defer stop()
	return service.Run()
}

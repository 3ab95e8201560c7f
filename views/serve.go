// The query service on the wire: Kitex over gRPC, many questions on one connection, all replicas in use.
//
// gRPC and not TTHeader, although that costs less: a mesh can read its headers (lanes), and when a replica goes its
// clients are told by GOAWAY, where Kitex v0.16.1's mux over TTHeader panics in its connection pool.

package views

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/limit"
	"github.com/cloudwego/kitex/pkg/loadbalance"
	"github.com/cloudwego/kitex/pkg/retry"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/server"
	"github.com/cloudwego/kitex/transport"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
)

// queryName is the name under which Kitex knows the service.
const queryName = "parley.query"

// Limits of the query service.
const (
	queryConnections = 4096 // of all gateways to one replica
	queryPerSecond   = 50_000
	questionLimit    = 6 * time.Second // above the stores' own limits, so that their errors are heard
	connectLimit     = 2 * time.Second
	drainLimit       = 5 * time.Second // for questions under way when the service ends
	questionConns    = 1               // connections of a client to each replica; with more, Kitex v0.16.1 fills its pool while others read it
	repeats          = 1               // a question that failed is put once more: reads change nothing
)

// Serve answers questions at an address until ctx ends.
func Serve(ctx context.Context, address string, stores Stores) error {
	if stores.Lists == nil || stores.Documents == nil {
		return errors.New("the query service reads every view: open Redis and a store of documents for it")
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen for questions: %w", err)
	}
	return ServeOn(ctx, listener, stores)
}

// ServeOn is Serve on a listener that is open already; it closes it.
func ServeOn(ctx context.Context, listener net.Listener, stores Stores) error {
	exit := make(chan error, 1)
	service := queryservice.NewServer(&pinned{stores},
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: queryName}),
		server.WithLimit(&limit.Option{MaxConnections: queryConnections, MaxQPS: queryPerSecond}),
		server.WithExitWaitTime(drainLimit),
		server.WithExitSignal(func() <-chan error { return exit }), // signals are the process's matter, not the service's
	)
	stop := context.AfterFunc(ctx, func() { exit <- nil })
	defer stop()
	return service.Run()
}

// Dial makes a client that spreads its questions over all replicas at the given addresses, each host:port. A host may be
// a name behind which there are several.
func Dial(addresses ...string) (queryservice.Client, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no address of a query service is given")
	}
	again := retry.NewFailurePolicy()
	again.StopPolicy.MaxRetryTimes = repeats
	return queryservice.NewClient(queryName,
		client.WithResolver(replicas(addresses)),
		client.WithLoadBalancer(loadbalance.NewWeightedRoundRobinBalancer(), &lookUps),
		client.WithTransportProtocol(transport.GRPC),
		client.WithGRPCConnPoolSize(questionConns),
		client.WithConnectTimeout(connectLimit),
		client.WithRPCTimeout(questionLimit),
		client.WithFailureRetry(again),
	)
}

// The client of the query service: many questions on one connection to each replica, all replicas in use.

package serve

import (
	"errors"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/loadbalance"
	"github.com/cloudwego/kitex/pkg/retry"
	"github.com/cloudwego/kitex/transport"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
)

// Limits of the client.
const (
	questionTimeout = 6 * time.Second // above the stores' own timeouts, so that their errors are returned
	connectTimeout  = 2 * time.Second
	connections     = 1 // to each replica; with more, Kitex v0.16.1 fills its pool while other goroutines read it
	maxRetries      = 1 // of a question that failed: reads change nothing
)

// Dial makes a client that spreads its questions over all replicas at the given addresses, each host:port. A host may be
// a name with several addresses.
func Dial(addresses ...string) (queryservice.Client, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no address of a query service is given")
	}
	again := retry.NewFailurePolicy()
	again.StopPolicy.MaxRetryTimes = maxRetries
	return queryservice.NewClient(serviceName,
		client.WithResolver(replicas(addresses)),
		client.WithLoadBalancer(loadbalance.NewWeightedRoundRobinBalancer(), &lookUps),
		client.WithTransportProtocol(transport.GRPC),
		client.WithGRPCConnPoolSize(connections),
		client.WithConnectTimeout(connectTimeout),
		client.WithRPCTimeout(questionTimeout),
		client.WithFailureRetry(again),
	)
}

// The key service: a store served to gateways of other processes, and their client of it.

package seal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"
	"github.com/cloudwego/kitex/pkg/rpcinfo"
	"github.com/cloudwego/kitex/server"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/keyservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const serviceName = "parley.keys"

// Limits of a call to the key service.
const (
	connectTimeout = 2 * time.Second
	rpcTimeout     = 3 * time.Second
	maxIdle        = 8 // connections kept open to each address
	maxIdleTime    = time.Minute
	exitTimeout    = 2 * time.Second // for calls in flight when the service ends
)

// Serve serves the key service over a store until ctx ends.
func Serve(ctx context.Context, listener net.Listener, store *Store) error {
	leave := make(chan error)
	svr := keyservice.NewServer(store,
		server.WithListener(listener),
		server.WithServerBasicInfo(&rpcinfo.EndpointBasicInfo{ServiceName: serviceName}),
		server.WithExitWaitTime(exitTimeout),
		server.WithExitSignal(func() <-chan error { return leave }))
	done := make(chan error, 1)
	go func() { done <- svr.Run() }()
	select {
	case err := <-done:
		return fmt.Errorf("seal: serve keys: %w", err)
	case <-ctx.Done():
		close(leave)
		return <-done
	}
}

// Dial makes a source of the key service at addresses, which need not be there yet.
func Dial(addresses ...string) (Source, error) {
	if len(addresses) == 0 {
		return nil, errors.New("seal: no address of a key service is given")
	}
	c, err := keyservice.NewClient(serviceName, client.WithHostPorts(addresses...),
		client.WithLongConnection(connpool.IdleConfig{MaxIdlePerAddress: maxIdle, MaxIdleGlobal: maxIdle, MaxIdleTimeout: maxIdleTime}),
		client.WithConnectTimeout(connectTimeout), client.WithRPCTimeout(rpcTimeout))
	if err != nil {
		return nil, err
	}
	return remote{c}, nil
}

// remote is a source over the network.
type remote struct{ keyservice.Client }

func (r remote) SealingKey(ctx context.Context, q *pb.SealingKeyQuery) (*pb.KeysAnswer, error) {
	return r.Client.SealingKey(ctx, q)
}

func (r remote) OpeningKeys(ctx context.Context, q *pb.OpeningKeysQuery) (*pb.KeysAnswer, error) {
	return r.Client.OpeningKeys(ctx, q)
}

func (r remote) DestroyKeys(ctx context.Context, q *pb.DestroyKeysQuery) (*pb.DestroyKeysAnswer, error) {
	return r.Client.DestroyKeys(ctx, q)
}

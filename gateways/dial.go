// How a gateway reaches the key service of another process.

package gateways

import (
	"errors"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/cloudwego/kitex/pkg/connpool"

	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/keyservice"
)

// Limits of a call to the key service.
const (
	keysConnectWithin = 2 * time.Second
	keysAnswerWithin  = 3 * time.Second
	keysIdle          = 8 // connections kept open to each address
	keysIdleFor       = time.Minute
)

// DialKeys makes a client of the key service, which need not be there yet.
func DialKeys(addresses ...string) (keyservice.Client, error) {
	if len(addresses) == 0 {
		return nil, errors.New("gateways: no address of a key service is given")
	}
	return keyservice.NewClient("parley.keys", client.WithHostPorts(addresses...),
		client.WithLongConnection(connpool.IdleConfig{MaxIdlePerAddress: keysIdle, MaxIdleGlobal: keysIdle, MaxIdleTimeout: keysIdleFor}),
		client.WithConnectTimeout(keysConnectWithin), client.WithRPCTimeout(keysAnswerWithin))
}

// Which dispatchers there are: a fixed list, or the addresses behind a DNS name (a headless service).

package push

import (
	"context"
	"fmt"
	"net"
)

// Resolve returns the addresses of the dispatchers that are there now, as host:port.
type Resolve func(ctx context.Context) ([]string, error)

// Static returns always the same dispatchers.
func Static(addresses ...string) Resolve {
	return func(context.Context) ([]string, error) { return addresses, nil }
}

// Behind resolves a DNS name each time: every address behind it is a dispatcher.
func Behind(hostPort string) (Resolve, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("push: %q is not host:port: %w", hostPort, err)
	}
	return func(ctx context.Context) ([]string, error) {
		found, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i] = net.JoinHostPort(found[i], port)
		}
		return found, nil
	}, nil
}

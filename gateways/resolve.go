// Which dispatchers there are: a fixed list, or the addresses behind a name (a headless service).

package gateways

import (
	"context"
	"fmt"
	"net"
)

// Static names the dispatchers once for all.
func Static(addresses ...string) Resolve {
	return func(context.Context) ([]string, error) { return addresses, nil }
}

// Behind looks a name up, again and again: each address behind it is a dispatcher.
func Behind(hostPort string) (Resolve, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("gateways: %q is no host:port: %w", hostPort, err)
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

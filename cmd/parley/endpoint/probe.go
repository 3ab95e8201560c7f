// Probes of addresses: whether others listen, and which one is free.

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/parley-im/parley/cmd/parley/settings"
)

// Reachable fails when one of the addresses, comma separated, does not accept connections.
func Reachable(ctx context.Context, addresses string) error {
	var all []error
	for _, a := range settings.List(addresses) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a)
		if err != nil {
			all = append(all, err)
			continue
		}
		_ = c.Close()
	}
	return errors.Join(all...)
}

// Free resolves port 0 to a free one, and fails when another port is taken.
func Free(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("%w; choose another address with --http 127.0.0.1:0", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

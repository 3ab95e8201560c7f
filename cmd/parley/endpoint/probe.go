// Probes of addresses: whether others listen, and which one is free.

package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

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

// Ports that are handed out for port 0 lie below the range from which systems take ports for outgoing connections (32768 up on
// Linux): between the choice and its use such a connection could take the port.
const (
	firstPort    = 12_000
	lastPort     = 19_999
	portAttempts = 100
)

// Free resolves port 0 to a free one, and fails when another port is taken.
func Free(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if port != "0" {
		return addr, listens(addr)
	}
	for range portAttempts {
		addr = net.JoinHostPort(host, strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort+1)))
		if err = listens(addr); err == nil {
			return addr, nil
		}
	}
	return "", err
}

// listens reports why an address cannot be listened on; nil = it can.
func listens(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --http 127.0.0.1:0", err)
	}
	return l.Close()
}

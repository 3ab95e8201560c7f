// This file hands out ports that stay ours for as long as a server may come back to them.

package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/parley-im/parley/test/servers/network"
)

// Ports lie below Linux' ephemeral range (32768 up): there, any outgoing connection could take the port of a server
// that a test has just killed and is about to start again.
const (
	firstPort    = 20000
	lastPort     = 32000
	portAttempts = 200
)

// reservePort finds a free port and keeps it from parallel test processes by a lock that lasts until release, or
// until this process ends.
func reservePort() (port int, release func(), err error) {
	dir := filepath.Join(os.TempDir(), "parley-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, nil, fmt.Errorf("make the folder of port locks: %w", err)
	}
	for range portAttempts {
		port := firstPort + rand.IntN(lastPort-firstPort)
		lock, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			continue // another user's lock
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || portTaken(port) != nil {
			lock.Close()
			continue
		}
		return port, func() { lock.Close() }, nil
	}
	return 0, nil, fmt.Errorf("no free port between %d and %d after %d attempts; stop some servers", firstPort, lastPort, portAttempts)
}

// portTaken tells why a server could not listen on a port of this machine.
func portTaken(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("port %d is taken (%w); stop what listens there or choose another port", port, err)
	}
	return l.Close()
}

// ports hold the ports of one server until it is closed.
type ports struct {
	releases []func()
}

// take returns the wanted port after a look whether it is free, or reserves any when wanted is 0.
func (p *ports) take(wanted int) (int, error) {
	if wanted != 0 {
		return wanted, portTaken(wanted)
	}
	port, release, err := reservePort()
	if err != nil {
		return 0, err
	}
	p.releases = append(p.releases, release)
	return port, nil
}

func (p *ports) release() {
	for _, release := range p.releases {
		release()
	}
	p.releases = nil
}

// addrAt is an address at a host of a test's own network, or here.
func addrAt(h *network.Host, port int) string { return net.JoinHostPort(ipOf(h), strconv.Itoa(port)) }

func ipOf(h *network.Host) string {
	if h == nil {
		return "127.0.0.1"
	}
	return h.Addr
}

func localAddr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Port gives a test an address on this machine that nobody else takes until the test ends, also while nothing listens on it.
func Port(t testing.TB) string {
	t.Helper()
	port, release, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return localAddr(port)
}

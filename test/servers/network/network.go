// Package network is a network of a test's own, on which packets are lost, delayed and reordered for real.
//
// Each host is a network namespace of the kernel with one cable (a TUN device); all cables end in this process, which is
// the switch: it carries IPv4 packets from cable to cable, and what it is told about a line (one way, from one host to
// another) happens to the packets on it. The test's process is a host too, and reaches all others.
//
//	n, err := network.New()
//	broker, err := n.Host("broker-1")
//	heal := n.Set(network.Line{Loss: 1}, gateway, broker) // what the gateway sends does not arrive; what it is sent does
//	heal()
//	n.SetBoth(network.Line{Delay: 100 * time.Millisecond}, ones, others)
//	n.Heal() // of everything
//
// Neither netem nor nftables nor the ip command is needed, which few build machines have, but Linux, root, namespaces and
// /dev/net/tun are. Nothing is left behind: namespaces and cables vanish with the process, even with a killed one.
package network

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// ErrUnavailable means that this machine does not let us have a network.
var ErrUnavailable = errors.New("a network of its own is not to be had here")

const (
	firstNet   = 198<<24 | 18<<16 // 198.18.0.0/15 is set aside for measurements: nobody lives there
	nets       = 128              // of so many, one for each test process
	netSize    = 1 << 10          // addresses of a net
	netMask    = 0xff_ff_fc_00
	aliasFrom  = netSize / 2 // further addresses of the test itself
	aliasCount = 8
	packetMost = 1500 // bytes, as on a real cable: loss hits packets, and a large one is many
)

// address is an IPv4 address as a number.
type address uint32

func (a address) String() string {
	return net.IPv4(byte(a>>24), byte(a>>16), byte(a>>8), byte(a)).String()
}

// Host is one end of a cable, with everything that runs there.
type Host struct {
	Name string
	Addr string // its IPv4 address

	at    address
	space *os.File // of the network namespace; nil = the test's own
	cable *os.File
}

// way is from one host to another.
type way struct{ from, to *Host }

// table is what the switch looks at for each packet. It is never changed, but replaced.
type table struct {
	hosts map[address]*Host
	lines map[way]*line
}

// Network is a switch with its hosts.
type Network struct {
	Own *Host // the test's process

	mu    sync.Mutex // of whoever changes the table
	table atomic.Pointer[table]
	base  address
	read  sync.WaitGroup
}

// New makes a network with one host, the test's process. Without the means, errors.Is(err, ErrUnavailable).
func New() (*Network, error) {
	base, err := freeNet()
	if err != nil {
		return nil, err
	}
	n := &Network{base: base}
	n.table.Store(&table{hosts: map[address]*Host{}, lines: map[way]*line{}})
	own := &Host{Name: "test", at: base + 1}
	if err := own.plug(false, base+aliasFrom); err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	n.Own = own
	n.join(own)
	for i := range address(aliasCount) {
		n.know(base+aliasFrom+i, own)
	}
	if _, err := n.Host("probe"); err != nil { // the test's own cable needs less than a namespace does
		return nil, errors.Join(ErrUnavailable, err, n.Close())
	}
	return n, nil
}

// freeNet finds a net that no interface of this machine has.
func freeNet() (address, error) {
	taken, err := net.InterfaceAddrs()
	if err != nil {
		return 0, err
	}
	for _, i := range rand.Perm(nets) {
		base := address(firstNet + i*netSize)
		mine := net.IPNet{IP: net.ParseIP(base.String()).To4(), Mask: net.CIDRMask(22, 32)}
		free := true
		for _, a := range taken {
			if ip, ok := a.(*net.IPNet); ok && mine.Contains(ip.IP) {
				free = false
			}
		}
		if free {
			return base, nil
		}
	}
	return 0, fmt.Errorf("%w: %d networks of tests are there already", ErrUnavailable, nets)
}

// Host adds a host in a namespace of its own.
func (n *Network) Host(name string) (*Host, error) {
	h := &Host{Name: name, at: n.base + 1 + address(len(n.table.Load().hosts))}
	if err := h.plug(true, 0); err != nil {
		return nil, fmt.Errorf("make the host %s: %w", name, err)
	}
	n.join(h)
	return h, nil
}

// From is an address of the test's process, one of a few, to call from as if from different places.
func (n *Network) From(i int) net.IP {
	return net.ParseIP((n.base + aliasFrom + address(i%aliasCount)).String())
}

func (n *Network) join(h *Host) {
	h.Addr = h.at.String()
	n.know(h.at, h)
	n.read.Go(func() { n.carry(h) })
}

func (n *Network) know(a address, h *Host) {
	n.change(func(t *table) { t.hosts[a] = h })
}

// change replaces the table.
func (n *Network) change(do func(*table)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.table.Load()
	next := &table{hosts: make(map[address]*Host, len(old.hosts)+1), lines: make(map[way]*line, len(old.lines))}
	for a, h := range old.hosts {
		next.hosts[a] = h
	}
	for w, l := range old.lines {
		next.lines[w] = l
	}
	do(next)
	n.table.Store(next)
}

// Close pulls all cables.
func (n *Network) Close() error {
	n.Heal()
	var err error
	for a, h := range n.table.Load().hosts {
		if a == h.at {
			err = errors.Join(err, h.cable.Close())
			if h.space != nil {
				err = errors.Join(err, h.space.Close())
			}
		}
	}
	n.read.Wait()
	return err
}

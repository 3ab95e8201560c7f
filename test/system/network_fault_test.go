// Faults of the network: cables are cut, both ways and one way, and slow, lossy, out of order. Every process and server has
// a host of its own, see test/servers/network; where none can be had, these faults are left out, and the report says so.

package system

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/test/servers/network"
)

const (
	cutFor    = 4 * time.Second
	slowCable = 4 * time.Second
	farAway   = 100 * time.Millisecond // one way
	lossy     = 0.01                   // of all packets
	unordered = 0.1                    // of all packets overtake others
	jitter    = 5 * time.Millisecond   // which the others wait
	narrow    = 3_000_000              // bits a second, each line
)

// networkFaults are classes 4 and 9, and what is slow of class 7.
func networkFaults() []fault {
	return []fault{
		{4, "network: processors cut from brokers", 2, processing | cables, cutProcessors},
		{7, "network: 100 ms away", 1, cables, slowly(network.Line{Delay: farAway})},
		{7, "network: 1 % lost", 1, cables, slowly(network.Line{Loss: lossy})},
		{7, "network: out of order", 1, cables, slowly(network.Line{Reorder: unordered, Delay: jitter})},
		{7, "network: 3 Mbit/s", 1, cables, slowly(network.Line{Rate: narrow})},
		{9, "network: broker alone", 1, brokers | cables, aloneBroker}, {9, "network: broker deaf", 1, brokers | cables, deafBroker},
		{9, "network: processors deaf", 1, processing | cables, deafProcessors},
		{9, "network: gateway cut from brokers", 1, doors | cables, cutGateway}, {9, "network: dispatcher mute", 1, doors | cables, muteDispatcher},
		{9, "network: views cut from redis", 1, followers | cables, cutViews},
	}
}

// wired reports whether a fault needs the network.
func (f fault) wired() bool { return strings.HasPrefix(f.name, "network") }

// connect makes the network. The servers are started later, so they end before it.
func (w *world) connect() {
	n, err := network.New()
	if errors.Is(err, network.ErrUnavailable) {
		for class, what := range map[int]string{4: "all", 7: "slow, lossy, unordered and narrow lines", 9: "all"} {
			w.leaveOut(class, fmt.Sprintf("%s: N is 0, because %v", what, err))
		}
		return
	}
	require.NoError(w.t, err)
	w.net, w.hosts = n, map[string]*network.Host{}
	w.t.Cleanup(func() { w.must("pull the cables", n.Close()) })
}

// host is where a process or server runs; nil = here, for want of a network.
func (w *world) host(name string) *network.Host {
	if w.net == nil {
		return nil
	}
	h := w.hosts[name]
	if h == nil {
		var err error
		h, err = w.net.Host(name)
		require.NoError(w.t, err)
		w.hosts[name] = h
	}
	return h
}

// port is an address for a process to listen on.
func (w *world) port(name string) string {
	addr := servers.Port(w.t)
	if h := w.host(name); h != nil {
		_, port, err := net.SplitHostPort(addr)
		require.NoError(w.t, err)
		return net.JoinHostPort(h.Addr, port)
	}
	return addr
}

// from is an address to call the gateways from, one of some.
func (w *world) from(i int) net.IP {
	if w.net != nil {
		return w.net.From(i)
	}
	return net.IPv4(127, 0, 1, byte(1+i))
}

// called are the hosts whose names begin so; "" = all of them. The test's own process is none: it sees what happens.
func (w *world) called(beginning string) []*network.Host {
	var all []*network.Host
	for name, h := range w.hosts {
		if strings.HasPrefix(name, beginning) {
			all = append(all, h)
		}
	}
	return all
}

// but are the hosts without one.
func but(all []*network.Host, one *network.Host) []*network.Host {
	return slices.DeleteFunc(slices.Clone(all), func(h *network.Host) bool { return h == one })
}

var cut = network.Line{Loss: 1}

// both cuts some from others both ways for a time.
func (w *world) both(some, others []*network.Host, long time.Duration) time.Time {
	heal := w.net.SetBoth(cut, some, others)
	time.Sleep(long)
	heal()
	return time.Now()
}

// oneWay cuts what some say to others for a time.
func (w *world) oneWay(some, others []*network.Host, long time.Duration) time.Time {
	for _, h := range some {
		defer w.net.Set(cut, h, others...)()
	}
	time.Sleep(long)
	return time.Now()
}

func hostOf(m *member) []*network.Host { return []*network.Host{m.host} }

// broker is one of them.
func (w *world) broker() []*network.Host {
	return []*network.Host{w.host(fmt.Sprint("kafka", w.rand.IntN(len(w.kafka.Brokers))))}
}

// cutProcessors cuts a process from the brokers alone, until others own its partitions.
func cutProcessors(w *world) time.Time {
	return w.both(hostOf(w.any(w.processors)), w.called("kafka"), overSession)
}

// slowly lets everything between processes and servers be slow.
func slowly(l network.Line) func(*world) time.Time {
	return func(w *world) time.Time {
		all := w.called("")
		for _, h := range all {
			defer w.net.Set(l, h, but(all, h)...)()
		}
		time.Sleep(slowCable)
		return time.Now()
	}
}

// aloneBroker cuts a broker from the others alone: a minority, which everybody can ask, and which may accept nothing.
func aloneBroker(w *world) time.Time {
	b := w.broker()
	return w.both(b, but(w.called("kafka"), b[0]), brokerFrozen)
}

// deafBroker lets a broker be heard by the others, and hear none of them.
func deafBroker(w *world) time.Time {
	b := w.broker()
	return w.oneWay(but(w.called("kafka"), b[0]), b, brokerFrozen)
}

// deafProcessors lets what a process says arrive, and no answer come: it does not know what the log has.
func deafProcessors(w *world) time.Time {
	return w.oneWay(w.called("kafka"), hostOf(w.any(w.processors)), overSession)
}

func cutGateway(w *world) time.Time {
	return w.both(hostOf(w.any(w.gateways)), w.called("kafka"), cutFor)
}

func cutViews(w *world) time.Time { return w.both(hostOf(w.views), w.called("redis"), cutFor) }

// muteDispatcher lets a dispatcher hear the gateways and not be heard: pushes are lost, and only a sync brings them.
func muteDispatcher(w *world) time.Time {
	return w.oneWay(hostOf(w.any(w.dispatchers)), w.called("gateway"), cutFor)
}

// Limits of a gateway: how much one person, one address and the process may want at once.

package gateways

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/gateways/session"
)

// Bounds that are no settings.
const (
	clockEvery    = 100 * time.Millisecond // between looks at the sessions' deadlines
	headsEvery    = 5 * time.Second        // between questions where the inboxes stand
	headsAtOnce   = 1_000                  // people in one such question
	askWithin     = 3 * time.Second        // for the views to answer
	drainedWithin = 30 * time.Second       // for a client to take what waits, before its repair goes on
	maxQuestions  = 1_024                  // questions to the views at once
	maxPushes     = 1_024                  // pushes that wait for one session; more are dropped and repaired
	retryMS       = 1_000                  // milliseconds that a refused client should wait
)

// Limits that an operator may set. Zero means the default.
type Limits struct {
	Connections           int           // of the process; default 50,000
	ConnectionsPerUser    int           // default 32
	ConnectionsPerAddress int           // default 1,024: many people may share an address
	EntersPerAddress      float64       // new connections a second of one address; default 50, in bursts of four seconds
	FramesPerConnection   float64       // frames a second; default 20, in bursts of four seconds
	FramesPerUser         float64       // frames a second over all connections; default 40, in bursts of four seconds
	ReturnWithin          time.Duration // after a drain people come back spread over this time; default 10 s
	PresenceLease         time.Duration // for which somebody is shown as there after a gateway crashed; default 15 min, most 1 h
}

const burstSeconds = 4

// OrDefaults fills what nobody set.
func (l Limits) OrDefaults() Limits {
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orRate := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&l.Connections, 50_000)
	orInt(&l.ConnectionsPerUser, 32)
	orInt(&l.ConnectionsPerAddress, 1_024)
	orRate(&l.EntersPerAddress, 50)
	orRate(&l.FramesPerConnection, 20)
	orRate(&l.FramesPerUser, 40)
	if l.PresenceLease == 0 {
		l.PresenceLease = session.LeaseMS * time.Millisecond
	}
	if l.ReturnWithin == 0 {
		l.ReturnWithin = 10 * time.Second
	}
	return l
}

// bucket bounds a rate in two words, because every idle connection has one. A new one is full. It belongs to whoever locks it.
type bucket struct {
	taken  float64 // and not grown back yet
	lastMS int64
}

// take takes one, if there is one: of a burst of four seconds, and one more, so that a low rate is not none.
func (b *bucket) take(nowMS int64, perSecond float64) bool {
	if b.grow(nowMS, perSecond); b.taken > perSecond*burstSeconds {
		return false
	}
	b.taken++
	return true
}

// full says that nothing is missing.
func (b *bucket) full(nowMS int64, perSecond float64) bool {
	b.grow(nowMS, perSecond)
	return b.taken == 0
}

// grow gives back what came since; a clock that was set back gives nothing.
func (b *bucket) grow(nowMS int64, perSecond float64) {
	b.taken = max(0, b.taken-float64(max(0, nowMS-b.lastMS))/1000*perSecond)
	b.lastMS = nowMS
}

// visitor is an address with connections here, or with some a moment ago.
type visitor struct {
	connections int
	rate        bucket
}

// admit counts a connection in, or says why not.
func (g *Gateway) admit(c *connection) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return &session.Full{Why: "this gateway goes away", RetryAfterMS: retryMS}
	}
	if len(g.connections) >= g.cfg.Limits.Connections {
		return &session.Full{Why: "this gateway has as many connections as it may have", RetryAfterMS: retryMS}
	}
	v := g.addresses[c.address]
	if v == nil {
		v = new(visitor)
		g.addresses[c.address] = v
	}
	if v.connections >= g.cfg.Limits.ConnectionsPerAddress || !v.rate.take(time.Now().UnixMilli(), g.cfg.Limits.EntersPerAddress) {
		return &session.Full{Why: "too many connections of this address", RetryAfterMS: retryMS}
	}
	v.connections++
	g.connections[c] = struct{}{}
	g.meter.connections.Inc()
	return nil
}

// forget counts a connection out.
func (g *Gateway) forget(c *connection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.connections[c]; !ok {
		return
	}
	delete(g.connections, c)
	g.meter.connections.Dec()
	if v := g.addresses[c.address]; v != nil {
		v.connections--
	}
	if p := g.people[c.user]; p != nil {
		p.connections = slices.DeleteFunc(p.connections, func(other *connection) bool { return other == c })
		if len(p.connections) == 0 {
			delete(g.people, c.user)
		}
	}
}

// sweep forgets addresses that have no connection and a full rate: nothing is known of them that matters.
func (g *Gateway) sweep() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for address, v := range g.addresses {
		if v.connections == 0 && v.rate.full(time.Now().UnixMilli(), g.cfg.Limits.EntersPerAddress) {
			delete(g.addresses, address)
		}
	}
}

// know counts a connection to a person; false = the person has too many.
func (g *Gateway) know(c *connection, user string) (*person, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, here := g.connections[c]; !here {
		return nil, true
	}
	p := g.people[user]
	if p == nil {
		p = new(person)
		g.people[user] = p
	}
	if len(p.connections) >= g.cfg.Limits.ConnectionsPerUser {
		return p, false
	}
	p.connections = append(p.connections, c)
	c.user = user
	return p, true
}

// jitter is a time up to within, in milliseconds, never 0.
func jitter(within time.Duration) uint32 {
	return 1 + rand.Uint32N(uint32(max(within.Milliseconds(), 1)))
}

// address of a client. Only the entry that our own proxy added is believed.
func (g *Gateway) address(r *http.Request) string {
	if g.cfg.TrustProxy {
		if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 {
			last := list[len(list)-1]
			if i := strings.LastIndexByte(last, ','); i >= 0 {
				last = last[i+1:]
			}
			if ip, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
				return network(ip)
			}
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return network(peer.Addr())
}

// network is what counts as one address: of IPv6 the first half, because one line has all of the rest.
func network(ip netip.Addr) string {
	const line = 64 // bits
	if ip = ip.Unmap(); ip.Is6() {
		if prefix, err := ip.WithZone("").Prefix(line); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}

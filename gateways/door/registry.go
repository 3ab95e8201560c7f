// The registry: which connections there are, of which users and from which addresses, each within its limits.

package door

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/session"
)

// entry is what the registry keeps of a connection.
type entry struct {
	address  string
	deadline atomic.Int64 // of the session; milliseconds since 1970
	queue    push.Queue
	user     string // empty before hello; under the registry's lock
}

// user is a user with connections here.
type user struct {
	connections []*entry // nearly always one

	mu   sync.Mutex
	rate bucket // of all connections together
}

// take takes a frame out of the user's rate.
func (u *user) take(nowMS int64, perSecond float64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rate.take(nowMS, perSecond)
}

// visitor is an address with connections here, or with some a moment ago.
type visitor struct {
	connections int
	rate        bucket
}

// registry is safe for concurrent use.
type registry struct {
	limits Limits
	gauge  prometheus.Gauge // of connections

	mu          sync.Mutex
	connections map[*entry]struct{}
	users       map[string]*user
	addresses   map[string]*visitor
	draining    bool
}

func newRegistry(limits Limits, gauge prometheus.Gauge) *registry {
	return &registry{limits: limits, gauge: gauge,
		connections: map[*entry]struct{}{}, users: map[string]*user{}, addresses: map[string]*visitor{}}
}

// admit adds a connection, or says why not.
func (r *registry) admit(e *entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return &session.Full{Why: "this gateway goes away", RetryAfterMS: retryMS}
	}
	if len(r.connections) >= r.limits.Connections {
		return &session.Full{Why: "this gateway has as many connections as it may have", RetryAfterMS: retryMS}
	}
	v := r.addresses[e.address]
	if v == nil {
		v = new(visitor)
		r.addresses[e.address] = v
	}
	if v.connections >= r.limits.ConnectionsPerAddress || !v.rate.take(time.Now().UnixMilli(), r.limits.EntersPerAddress) {
		return &session.Full{Why: "too many connections of this address", RetryAfterMS: retryMS}
	}
	v.connections++
	r.connections[e] = struct{}{}
	r.gauge.Inc()
	return nil
}

// login adds a connection to its user; ok is false when the user has too many.
func (r *registry) login(e *entry, id string) (u *user, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, here := r.connections[e]; !here {
		return nil, true
	}
	u = r.users[id]
	if u == nil {
		u = new(user)
		r.users[id] = u
	}
	if len(u.connections) >= r.limits.ConnectionsPerUser {
		return u, false
	}
	u.connections = append(u.connections, e)
	e.user = id
	return u, true
}

// remove takes a connection out.
func (r *registry) remove(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.connections[e]; !ok {
		return
	}
	delete(r.connections, e)
	r.gauge.Dec()
	if v := r.addresses[e.address]; v != nil {
		v.connections--
	}
	if u := r.users[e.user]; u != nil {
		u.connections = slices.DeleteFunc(u.connections, func(other *entry) bool { return other == e })
		if len(u.connections) == 0 {
			delete(r.users, e.user)
		}
	}
}

// sweep forgets addresses without connections whose bucket is full again.
func (r *registry) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for address, v := range r.addresses {
		if v.connections == 0 && v.rate.full(time.Now().UnixMilli(), r.limits.EntersPerAddress) {
			delete(r.addresses, address)
		}
	}
}

// drain admits nobody from now on and returns those who are there.
func (r *registry) drain() []*entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	return slices.Collect(maps.Keys(r.connections))
}

// due are the connections whose deadline has come. Most cost one atomic read.
func (r *registry) due(nowMS int64) (due []*entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := range r.connections {
		if at := e.deadline.Load(); at != 0 && nowMS >= at {
			due = append(due, e)
		}
	}
	return due
}

func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.connections)
}

// Users are the users with connections.
func (r *registry) Users() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.users))
}

// QueuesOf are the queues of a user's connections.
func (r *registry) QueuesOf(id string) (queues []*push.Queue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u := r.users[id]; u != nil {
		for _, e := range u.connections {
			queues = append(queues, &e.queue)
		}
	}
	return queues
}

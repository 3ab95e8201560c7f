// Package gateways is the hall of the doors: it marries the client protocol (session) with the log, the views, the keys
// and the dispatchers, and opens WebSocket and HTTP on it.
//
// The rooms know nothing of each other: session speaks the protocol and does no IO; websocket and http carry it; dispatch
// pushes records; seal closes and opens text; token says who is there. Here every connection is one pure session behind a
// mutex, stepped from whoever has news for it; nothing in a step waits. What can wait (keys, questions) happens before or
// after the step, each within a named time and a bounded number.
package gateways

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	"github.com/parley-im/parley/topology"
)

// Emit puts a record into the log. It never blocks. An error means that the record is not in the log and done is not
// called; otherwise done is called once, later, and never from within Emit.
type Emit func(topic, key string, value []byte, headers []topology.Header, done func(error)) error

// Resolve names the dispatchers that are there now, as host:port.
type Resolve func(ctx context.Context) ([]string, error)

// Tail reads every topic of the plan from its end, until ctx ends.
type Tail func(ctx context.Context, take func(topology.Record)) error

// Config of the gateways.
type Config struct {
	ID          string // of this process; empty = a new one
	Plan        topology.Plan
	Emit        Emit
	Query       queryservice.Client
	Dispatchers Resolve
	Beside      *Beside // dispatchers of the same process; nil = none
	Keys        seal.Source
	KeepKeys    time.Duration // how long an opened key is kept, and a destroyed one lives on; 0 = seal.KeepKeys
	Verifier    *token.Verifier
	Limits      Limits   // zero values mean the defaults
	Origins     []string // browsers' origins beside the own host
	TrustProxy  bool     // take the client's address from the last X-Forwarded-For entry
	Static      fs.FS    // the web page; nil = none
	Tail        Tail     // opens GET /v1/log; nil = closed. For one's own machine only
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
	// Mux, if not nil, gets the routes instead of a new one: cmd may have others beside them.
	Mux *http.ServeMux
}

// Gateway is one process of doors.
type Gateway struct {
	cfg     Config
	ring    *seal.Ring
	answers answers
	board   *switchboard
	meter   *meter
	handler http.Handler
	asking  chan struct{} // one place for each question to the views
	drawers chan struct{} // one place for each log drawer
	ctx     context.Context
	stop    context.CancelFunc

	mu          sync.Mutex
	connections map[*connection]struct{}
	people      map[string]*person
	addresses   map[string]*visitor
	draining    bool
}

// person is a user with connections here.
type person struct {
	connections []*connection // nearly always one

	mu   sync.Mutex
	rate bucket // of all connections together
}

// New makes a gateway. Run must run for pushes, ticks and heads.
func New(cfg Config) (*Gateway, error) {
	if cfg.Emit == nil || cfg.Query == nil || cfg.Dispatchers == nil || cfg.Keys == nil || cfg.Verifier == nil || cfg.Plan.Partitions == 0 {
		return nil, errors.New("gateways: need a plan, an emitter, views to ask, dispatchers, keys and a verifier")
	}
	if cfg.ID == "" {
		cfg.ID = uuid.Must(uuid.NewV7()).String()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Limits = cfg.Limits.OrDefaults()
	g := &Gateway{
		cfg:         cfg,
		ring:        seal.NewRing(cfg.Keys, cfg.KeepKeys),
		meter:       newMeter(cfg.Registerer),
		asking:      make(chan struct{}, maxQuestions),
		drawers:     make(chan struct{}, maxDrawers),
		connections: map[*connection]struct{}{},
		people:      map[string]*person{},
		addresses:   map[string]*visitor{},
	}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.board = newSwitchboard(g)
	g.handler = g.routes()
	return g, nil
}

// Handler serves /v1 and the web page.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Run keeps the streams to the dispatchers, the clock of the sessions and the heads, until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { g.board.run(ctx) })
	work.Go(func() { g.clock(ctx) })
	work.Go(func() { g.heads(ctx) })
	work.Wait()
	g.stop()
	return nil
}

// Drain sends everybody away, to come back elsewhere at different times, and waits until they went or ctx ends.
func (g *Gateway) Drain(ctx context.Context) {
	g.mu.Lock()
	g.draining = true
	all := make([]*connection, 0, len(g.connections))
	for c := range g.connections {
		all = append(all, c)
	}
	g.mu.Unlock()
	g.cfg.Logger.Info("the gateway goes away", "connections", len(all))
	for _, c := range all {
		c.step(session.Drain{ReconnectAfterMS: jitter(g.cfg.Limits.ReturnWithin)})
	}
	for ctx.Err() == nil && g.Connections() > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(clockEvery):
		}
	}
}

// Connections counts the sessions.
func (g *Gateway) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.connections)
}

// clock ticks the sessions whose deadline came, and ends the moment for which events are kept. Looking at a deadline costs
// one atomic read.
func (g *Gateway) clock(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			g.board.lately.turn()
			for _, c := range g.due(at.UnixMilli()) {
				c.step(session.Tick{})
			}
		}
	}
}

func (g *Gateway) due(nowMS int64) []*connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	var due []*connection
	for c := range g.connections {
		if at := c.deadline.Load(); at != 0 && nowMS >= at {
			due = append(due, c)
		}
	}
	return due
}

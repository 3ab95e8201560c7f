// Package gateways is the hall of the client interfaces: it binds the plan to sessions, pushes, keys and carriers, and serves
// WebSocket and HTTP.
//
// The rooms, from the bottom up: session is the client protocol without IO; seal encrypts and decrypts text; token
// authenticates users; dispatch pushes records to gateways, and push receives them; door is what every connection shares;
// websocket and http are carriers.
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

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
	"github.com/parley-im/parley/topology"
)

// Emit produces a record to the log. It never blocks. An error means that the record is not in the log and done is not
// called; otherwise done is called once, later, and never from within Emit.
type Emit func(topic, key string, value []byte, headers []topology.Header, done func(error)) error

// Tail reads every topic of the plan from its end, until ctx ends.
type Tail func(ctx context.Context, take func(topology.Record)) error

// Config of a gateway.
type Config struct {
	ID          string // of this process; empty = a new one
	Plan        topology.Plan
	Emit        Emit
	Query       queryservice.Client
	Dispatchers push.Resolve
	Loopback    *push.Loopback // dispatchers of the same process; nil = none
	Keys        seal.Source
	KeepKeys    time.Duration // how long a fetched key is kept, and a destroyed one still opens; 0 = seal.KeepKeys
	Verifier    *token.Verifier
	Limits      door.Limits // zero values mean the defaults
	Origins     []string    // of browsers, beside the own host
	TrustProxy  bool        // take the client's address from the last X-Forwarded-For entry
	Static      fs.FS       // the web page; nil = none
	Tail        Tail        // serves GET /v1/log; nil = no such route. For development only
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
	// Mux, if not nil, gets the routes instead of a new one.
	Mux *http.ServeMux
}

// Gateway is one process that clients connect to.
type Gateway struct {
	cfg     Config
	board   *push.Switchboard
	door    *door.Door
	handler http.Handler
}

// New makes a gateway. Run must run for pushes, ticks and heads.
func New(cfg Config) (*Gateway, error) {
	if cfg.Emit == nil || cfg.Query == nil || cfg.Dispatchers == nil || cfg.Keys == nil || cfg.Verifier == nil || cfg.Plan.Partitions == 0 {
		return nil, errors.New("gateways: a plan, an emitter, views, dispatchers, keys and a verifier are needed")
	}
	if cfg.ID == "" {
		cfg.ID = uuid.Must(uuid.NewV7()).String()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	ring := seal.NewRing(cfg.Keys, cfg.KeepKeys)
	board := push.New(push.Config{
		Gateway: cfg.ID, Partition: partitionIn(cfg.Plan), Resolve: cfg.Dispatchers, Loopback: cfg.Loopback,
		Views: cfg.Query, Ring: ring, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})
	g := &Gateway{cfg: cfg, board: board, door: door.New(door.Config{
		Emit: withHeaders(cfg.Emit), Views: cfg.Query, Board: board, Ring: ring, Verify: cfg.Verifier.Verify,
		Limits: cfg.Limits, Logger: cfg.Logger, Registerer: cfg.Registerer,
	})}
	g.handler = g.routes()
	return g, nil
}

// partitionIn finds the partition of a key.
func partitionIn(plan topology.Plan) func(key string) int32 {
	return func(key string) int32 { return topology.PartitionOf(key, plan.Partitions) }
}

// Handler serves /v1 and the web page.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Run keeps the streams to the dispatchers, the deadlines of the sessions and the heads, until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { g.board.Run(ctx, g.door.People()) })
	work.Go(func() { g.door.Run(ctx) })
	work.Wait()
	return nil
}

// Drain sends every client away, to reconnect elsewhere at different times, and waits until they went or ctx ends.
func (g *Gateway) Drain(ctx context.Context) { g.door.Drain(ctx) }

// Connections counts the sessions.
func (g *Gateway) Connections() int { return g.door.Connections() }

// Package run is a process of a deployment: the roles that run in it, what they share, and how it starts and ends. Here the
// halls are brought together: processors, views and gateways do not know each other.
package run

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
)

// exitTimeout is how long a process may take to end beyond the gateways' drain; longer than any role's own timeout.
const exitTimeout = 45 * time.Second

// Process is what the roles of one process share.
type Process struct {
	settings.Settings
	plan     topology.Plan
	roles    []Role
	log      *slog.Logger
	metrics  *prometheus.Registry
	ready    *endpoint.Readiness
	stores   func(context.Context) (views.Stores, error) // opened once, when the first role needs them
	exit     func(error)                                 // ends the process at once
	loopback push.Loopback                               // connects a gateway and a dispatcher of this process
}

// New prepares a process that runs roles.
func New(s settings.Settings, roles []Role) (*Process, error) {
	log, err := s.Logger()
	if err != nil {
		return nil, err
	}
	slog.SetDefault(log)
	if err := s.Plan().Check(); err != nil {
		return nil, err
	}
	var parts []string
	for _, r := range roles {
		parts = append(parts, r.Name)
	}
	p := &Process{Settings: s, plan: s.Plan(), roles: roles, log: log, metrics: endpoint.NewRegistry(), ready: endpoint.NewReadiness(parts...)}
	p.exit = func(err error) {
		log.Error("the process hangs and is ended", "error", err)
		os.Exit(1)
	}
	var once sync.Once
	var stores views.Stores
	p.stores = func(ctx context.Context) (views.Stores, error) {
		once.Do(func() { stores, err = views.Open(ctx, s.Stores()) })
		return stores, err
	}
	return p, nil
}

// Ready is closed when every role is ready for the first time.
func (p *Process) Ready() <-chan struct{} { return p.ready.Full() }

// Run runs the roles until the context ends or one of them fails. A failed role ends the process: another process takes over
// its partitions, and one with a part missing cannot be trusted.
func (p *Process) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	paceCollector(ctx)
	ended := make(chan struct{})
	defer close(ended)
	go p.exitInTime(ctx, ended)
	g.Go(func() error { return endpoint.ServeAdmin(ctx, p.Settings, p.ready, p.metrics) })
	for _, r := range p.roles {
		g.Go(func() error {
			if err := r.run(ctx, p, func(is bool) { p.ready.Set(r.Name, is) }); err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// exitInTime ends a process that should end, and hangs: while it is there, nobody takes over from it.
func (p *Process) exitInTime(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	limit := p.DrainAfter + exitTimeout
	select {
	case <-ended:
	case <-time.After(limit):
		p.exit(fmt.Errorf("the process did not end within %v: %w", limit, context.Cause(ctx)))
	}
}

// LogReady logs once that every role is ready.
func (p *Process) LogReady(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-p.Ready():
		p.log.Info("ready", "admin", p.Admin)
	}
}

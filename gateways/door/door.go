// Package door is what the connections of all carriers share: admission and limits, the session of each connection with its
// deadlines, its commands, queries and pushes, and the metrics.
//
// Every connection is one pure session behind a mutex, stepped by whoever brings an input for it; nothing in a step blocks.
// What can block (keys, queries) happens before or after the step, within a timeout and a bounded number.
package door

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"
)

const (
	tickEvery  = 100 * time.Millisecond // between two polls of the sessions' deadlines
	sweepEvery = 5 * time.Second        // between two sweeps of addresses that are not needed any more
)

// Config of a door.
type Config struct {
	Emit       Emit
	Views      queryservice.Client
	Board      *push.Switchboard
	Ring       *seal.Ring
	Verify     session.Verify
	Limits     Limits // zero values mean the defaults
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Door lets carriers in. It implements session.Door and is safe for concurrent use.
type Door struct {
	shared shared
	stop   context.CancelFunc
}

// New makes a door. Run must run for ticks.
func New(cfg Config) *Door {
	limits, meter := cfg.Limits.OrDefaults(), newMeter(cfg.Registerer)
	d := &Door{shared: shared{
		limits: limits, emit: cfg.Emit, verify: cfg.Verify, ring: cfg.Ring, board: cfg.Board,
		registry: newRegistry(limits, meter.connections), queries: newQueries(cfg.Views, cfg.Ring), meter: meter, log: cfg.Logger,
	}}
	d.shared.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Enter lets a carrier in.
func (d *Door) Enter(carrier session.Carrier, who session.Caller) (session.Line, error) {
	c := newConnection(&d.shared, carrier, who, time.Now().UnixMilli())
	if err := d.shared.registry.admit(&c.entry); err != nil {
		d.shared.meter.turnedAway.Inc()
		return nil, err
	}
	return c, nil
}

// People are the users with connections here.
func (d *Door) People() push.People { return d.shared.registry }

// Run ticks the sessions whose deadline has come, until ctx ends.
func (d *Door) Run(ctx context.Context) {
	defer d.stop()
	tick, sweep := time.NewTicker(tickEvery), time.NewTicker(sweepEvery)
	defer tick.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			for _, e := range d.shared.registry.due(at.UnixMilli()) {
				e.queue.Session().Step(session.Tick{})
			}
		case <-sweep.C:
			d.shared.registry.sweep()
		}
	}
}

// Drain sends every client away, to reconnect elsewhere at different times, and waits until they went or ctx ends.
func (d *Door) Drain(ctx context.Context) {
	all := d.shared.registry.drain()
	d.shared.log.Info("the gateway drains", "connections", len(all))
	for _, e := range all {
		e.queue.Session().Step(session.Drain{ReconnectAfterMS: jitter(d.shared.limits.ReturnWithin)})
	}
	for ctx.Err() == nil && d.Connections() > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(tickEvery):
		}
	}
}

// Connections counts the sessions.
func (d *Door) Connections() int { return d.shared.registry.count() }

// CountSlow counts a slow client that its carrier cut.
func (d *Door) CountSlow() { d.shared.meter.cut.Inc() }

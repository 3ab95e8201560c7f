// The gateway, which serves WebSocket, HTTP and the page.

package run

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/parley-im/parley/clients/web"
	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/seed"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/cmd/parley/tokens"
	"github.com/parley-im/parley/gateways"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views/serve"
)

// emitterTimeout is how long a gateway that stops waits until its commands are written to the log.
const emitterTimeout = 10 * time.Second

func runGateway(ctx context.Context, p *Process, ready func(bool)) error {
	emitter, err := wire.NewEmitter(wire.EmitterConfig{
		Cluster: p.Cluster(), Plan: p.plan, Name: "gateway." + p.InstanceName(), Lane: p.Lane, Log: p.log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := emitter.Close(emitterTimeout); err != nil {
			p.log.Error("some commands were not written to the log", "error", err)
		}
	}()
	keys, closeKeys, err := p.keys()
	if err != nil {
		return err
	}
	defer closeKeys()
	mux := http.NewServeMux()
	g, err := p.gateway(emitter, keys, mux)
	if err != nil {
		return err
	}
	if p.Development {
		mux.Handle("GET /v1/dev/people", seed.People(p.Settings))
	}
	return p.serveGateway(ctx, g, ready)
}

func (p *Process) gateway(emitter *wire.Emitter, keys seal.Source, mux *http.ServeMux) (*gateways.Gateway, error) {
	query, err := serve.Dial(settings.List(p.QueryAddr)...)
	if err != nil {
		return nil, err
	}
	verifier, err := tokens.Verifier(p.Settings)
	if err != nil {
		return nil, err
	}
	dispatchers := push.Static(settings.List(p.PushAddr)...)
	if list := settings.List(p.PushAddr); len(list) == 1 {
		if dispatchers, err = push.Behind(list[0]); err != nil {
			return nil, err
		}
	}
	cfg := gateways.Config{
		ID: p.InstanceName() + "-" + uuid.NewString(), Plan: p.plan, Query: query, Dispatchers: dispatchers, Loopback: &p.loopback,
		Keys: keys, Verifier: verifier, Limits: p.Limits(), Origins: settings.List(p.Origins), Static: web.Files(), Mux: mux,
		Logger: p.log, Registerer: p.metrics,
		Emit: func(topic, key string, value []byte, headers []topology.Header, done func(error)) error {
			return emitter.Emit(topic, key, value, headers, func(_ wire.Position, err error) { done(err) })
		},
	}
	if p.LogFeed {
		cfg.Tail = p.tail
	}
	return gateways.New(cfg)
}

// serveGateway serves until the context ends; then it asks its connections to move to other gateways, spread over time.
func (p *Process) serveGateway(ctx context.Context, g *gateways.Gateway, ready func(bool)) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- g.Run(serving) }()
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(serving, "gateway", p.HTTP, g.Handler()) }()
	ready(true)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ready(false)
	drain, cancel := context.WithTimeout(serving, p.DrainAfter)
	defer cancel()
	g.Drain(drain)
	stop()
	<-ran
	return <-served
}

// tail follows every topic of the plan from its end, for the page's picture of the log.
func (p *Process) tail(ctx context.Context, take func(topology.Record)) error {
	var topics []string
	for _, t := range p.plan.Topics {
		topics = append(topics, t.Name)
	}
	return wire.Follow(ctx, wire.FollowerConfig{
		Cluster: p.Cluster(), Plan: p.plan, Name: "tail." + uuid.NewString(), Topics: topics, Newest: true, Log: p.log,
		Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
			for _, r := range batch {
				take(r)
			}
			return nil
		},
	})
}

// The roles at the doors: keys, dispatcher, gateway.

package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/parley-im/parley/clients/web"
	"github.com/parley-im/parley/gateways"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views/serve"
)

// emitterDrain is how long a gateway that stops waits for what it has given to the log.
const emitterDrain = 10 * time.Second

func runKeys(ctx context.Context, p *process, ready func(bool)) error {
	if p.KeyAddr == "" { // the gateway of this process has the keys itself
		ready(true)
		return nil
	}
	store, err := seal.OpenStore(p.dir("keys"))
	if err != nil {
		return err
	}
	defer store.Close()
	l, err := net.Listen("tcp", p.KeyBind)
	if err != nil {
		return err
	}
	ready(true)
	return seal.Serve(ctx, l, store)
}

func runDispatch(ctx context.Context, p *process, ready func(bool)) error {
	l, err := net.Listen("tcp", p.PushBind)
	if err != nil {
		return err
	}
	return gateways.RunDispatch(ctx, gateways.DispatchConfig{
		Plan: p.plan, Listener: l, Loopback: &p.loopback, Logger: p.log, Ready: func() { ready(true) },
		Follow: func(ctx context.Context, name string, topics []string, owned func([]topology.TopicPartition), take func([]topology.Record)) error {
			return wire.Follow(ctx, wire.FollowerConfig{
				Cluster: p.cluster(), Plan: p.plan, Name: name, Topics: topics, Newest: true,
				SessionTimeout: p.Session, Log: p.log, Metrics: p.metrics,
				Owned: owned,
				Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
					take(batch)
					return nil
				},
			})
		},
	})
}

func runGateway(ctx context.Context, p *process, ready func(bool)) error {
	emitter, err := wire.NewEmitter(wire.EmitterConfig{
		Cluster: p.cluster(), Plan: p.plan, Name: "gateway." + p.instance(), Lane: p.Lane, Log: p.log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := emitter.Close(emitterDrain); err != nil {
			p.log.Error("not everything reached the log", "error", err)
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
		mux.Handle("GET /v1/dev/people", devPeople(p.mint))
	}
	return p.serveGateway(ctx, g, ready)
}

func (p *process) gateway(emitter *wire.Emitter, keys seal.Source, mux *http.ServeMux) (*gateways.Gateway, error) {
	query, err := serve.Dial(split(p.QueryAddr)...)
	if err != nil {
		return nil, err
	}
	verifier, err := p.verifier()
	if err != nil {
		return nil, err
	}
	dispatchers := push.Static(split(p.PushAddr)...)
	if list := split(p.PushAddr); len(list) == 1 {
		if dispatchers, err = push.Behind(list[0]); err != nil {
			return nil, err
		}
	}
	cfg := gateways.Config{
		ID: p.instance() + "-" + uuid.NewString(), Plan: p.plan, Query: query, Dispatchers: dispatchers, Loopback: &p.loopback,
		Keys: keys, Verifier: verifier, Limits: p.limits(), Origins: split(p.Origins), Static: web.Files(), Mux: mux,
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

// serveGateway serves until the context ends; then connections are sent elsewhere, each at its own time.
func (p *process) serveGateway(ctx context.Context, g *gateways.Gateway, ready func(bool)) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- g.Run(serving) }()
	served := make(chan error, 1)
	go func() { served <- serveHTTP(serving, "gateway", p.HTTP, g.Handler()) }()
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

// keys are the key service's, or kept by this process itself.
func (p *process) keys() (seal.Source, func(), error) {
	if p.KeyAddr != "" {
		source, err := seal.Dial(split(p.KeyAddr)...)
		return source, func() {}, err
	}
	store, err := seal.OpenStore(p.dir("keys"))
	if err != nil {
		return nil, nil, err
	}
	return store, func() { _ = store.Close() }, nil
}

// tail follows every topic of the plan from its end, for the page's picture of the log.
func (p *process) tail(ctx context.Context, take func(topology.Record)) error {
	var topics []string
	for _, t := range p.plan.Topics {
		topics = append(topics, t.Name)
	}
	return wire.Follow(ctx, wire.FollowerConfig{
		Cluster: p.cluster(), Plan: p.plan, Name: "tail." + uuid.NewString(), Topics: topics, Newest: true, Log: p.log,
		Handle: func(_ context.Context, _ string, _ int32, batch []topology.Record) error {
			for _, r := range batch {
				take(r)
			}
			return nil
		},
	})
}

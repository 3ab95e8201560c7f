// A process of the house: its settings, its log, its metrics, and the roles that run in it.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cloudwego/kitex/pkg/klog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/views"
)

// process is what the roles of one process share.
type process struct {
	Settings
	plan     topology.Plan
	log      *slog.Logger
	metrics  *prometheus.Registry
	ready    *readiness
	stores   func(context.Context) (views.Stores, error) // opened once, when the first role needs them
	exit     func(error)                                 // ends the process at once
	loopback push.Loopback                               // what a gateway and a dispatcher of this process know of each other
}

func newProcess(s Settings, roles []role) (*process, error) {
	log, err := logger(s)
	if err != nil {
		return nil, err
	}
	slog.SetDefault(log)
	if err := s.plan().Check(); err != nil {
		return nil, err
	}
	var parts []string
	for _, r := range roles {
		parts = append(parts, r.name)
	}
	p := &process{Settings: s, plan: s.plan(), log: log, metrics: newRegistry(), ready: newReadiness(parts...)}
	p.exit = func(err error) {
		log.Error("the process hangs and is ended", "error", err)
		os.Exit(1)
	}
	var once sync.Once
	var stores views.Stores
	p.stores = func(ctx context.Context) (views.Stores, error) {
		once.Do(func() { stores, err = views.Open(ctx, s.stores()) })
		return stores, err
	}
	return p, nil
}

// run runs roles until the context ends or one of them fails; a role's failure ends the process, because another one
// can take over what it owns, and a process that limps cannot be trusted.
func (p *process) run(ctx context.Context, roles []role) error {
	g, ctx := errgroup.WithContext(ctx)
	collectInPace(ctx)
	ended := make(chan struct{})
	defer close(ended)
	go p.endInTime(ctx, ended)
	g.Go(func() error { return serveAdmin(ctx, p.Settings, p.ready, p.metrics) })
	for _, r := range roles {
		g.Go(func() error {
			if err := r.run(ctx, p, func(is bool) { p.ready.set(r.name, is) }); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// endLimit is how long a process may take to end beyond the gateways' drain; longer than any part's own limit.
const endLimit = 45 * time.Second

// endInTime ends a process that was told to end, or of which a part has failed, and that hangs: half a process is worse
// than none, because nobody takes over from it.
func (p *process) endInTime(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	limit := p.DrainAfter + endLimit
	select {
	case <-ended:
	case <-time.After(limit):
		p.exit(fmt.Errorf("the process did not end within %v: %w", limit, context.Cause(ctx)))
	}
}

// plan is the house's plan with what this installation chooses.
func (s Settings) plan() topology.Plan {
	p := topology.House()
	p.Partitions, p.Replication = s.Partitions, s.Replication
	p.CommandRate, p.CommandBurst, p.FanOut = s.CommandRate, s.CommandBurst, s.FanOut
	p.MinInsync = min(p.MinInsync, max(1, s.Replication-1))
	return p
}

// limits of a gateway.
func (s Settings) limits() door.Limits {
	return door.Limits{
		Connections: s.Connections, ConnectionsPerUser: s.ConnectionsPerUser, ConnectionsPerAddress: s.ConnectionsPerAddress,
		EntersPerAddress: s.EntersPerAddress, FramesPerConnection: s.FramesPerConnection, FramesPerUser: s.FramesPerUser, PresenceLease: s.PresenceLease,
	}
}

func (s Settings) cluster() wire.Cluster {
	return wire.Cluster{Brokers: split(s.Brokers), CA: s.KafkaCA, Cert: s.KafkaCert, Key: s.KafkaKey, User: s.KafkaUser, Password: s.KafkaPassword}
}

// stores say where views keep their folds. A MongoDB is named by its URI; everything else is a folder of this process.
func (s Settings) stores() views.StoreSettings {
	o := views.StoreSettings{Plan: s.plan(), Redis: s.Redis, Documents: views.Mongo, MongoURI: s.Documents}
	if s.Documents == views.Pebble {
		o.Documents, o.PebbleDir = views.Pebble, s.dir("documents")
	}
	return o
}

// announce says once that everything is ready.
func (p *process) announce(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-p.ready.full:
		p.log.Info("ready", "admin", p.Admin)
	}
}

func (s Settings) instance() string {
	if s.Instance != "" {
		return strings.ReplaceAll(s.Instance, "/", "-")
	}
	host, err := os.Hostname()
	if err != nil {
		return "parley"
	}
	return host
}

func (s Settings) dir(parts ...string) string {
	return filepath.Join(append([]string{s.Data}, parts...)...)
}

// logger logs to standard error: standard output is for what a command was asked for.
func logger(s Settings) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("log-level: %w", err)
	}
	klog.SetLevel(klog.LevelFatal) // Kitex tells of every stream that ends; what matters comes back to us as an error
	o := &slog.HandlerOptions{Level: level}
	switch s.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
	}
	return nil, fmt.Errorf("log-format is %q: want text or json", s.LogFormat)
}

// settingsFlag adds --settings, the same on every command that reads settings.
func settingsFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "settings", os.Getenv("PARLEY_SETTINGS"), "settings file (YAML); the environment wins over it")
	_ = c.MarkFlagFilename("settings", "yaml", "yml")
}

// Package dev is a whole deployment in one process, for development: an in-process Kafka, Redis and document store, every role,
// and a few users.
package dev

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/sync/errgroup"

	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/cmd/parley/kafka"
	"github.com/parley-im/parley/cmd/parley/run"
	"github.com/parley-im/parley/cmd/parley/seed"
	"github.com/parley-im/parley/cmd/parley/settings"
	"github.com/parley-im/parley/deploy"
)

// Partitions of the topics: enough to see keys spread, and few enough to start at once.
const Partitions = 4

// sessionTimeout is short, so that a restart takes over at once.
const sessionTimeout = 6 * time.Second

// Options are the flags of parley dev.
type Options struct {
	HTTP     string // address of the page; port 0 = any
	Data     string // folder
	Kept     bool   // whether the folder outlives the process
	LogLevel string
	Output   string
}

// Run runs the deployment until the context ends, and prints its addresses when it is ready.
func Run(ctx context.Context, out io.Writer, o Options) error {
	began := time.Now()
	s, closeServers, err := servers(ctx, o)
	if err != nil {
		return err
	}
	defer closeServers()
	p, err := run.New(s, run.Roles())
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.Run(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-p.Ready():
		}
		if err := seed.Run(ctx, s); err != nil && ctx.Err() == nil {
			return fmt.Errorf("create the first users: %w", err)
		}
		return readyAt(s, time.Since(began)).print(out, o)
	})
	return g.Wait()
}

// servers starts the servers that live in this process and returns the settings that point to them.
func servers(ctx context.Context, o Options) (s settings.Settings, closeAll func(), err error) {
	s = settings.Default()
	s.Data, s.LogLevel, s.Partitions, s.Replication = o.Data, o.LogLevel, Partitions, 1
	s.Documents, s.LogFeed, s.Development, s.Session = "pebble", true, true, sessionTimeout
	s.Instance = "dev"
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(filepath.Join(o.Data, "kafka")), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		return s, nil, fmt.Errorf("in-process Kafka: %w", err)
	}
	redis := miniredis.NewMiniRedis()
	closeAll = func() { redis.Close(); broker.Close() }
	if err := redis.Start(); err != nil {
		broker.Close()
		return s, nil, fmt.Errorf("in-process Redis: %w", err)
	}
	s.Brokers, s.Redis = broker.ListenAddrs()[0], redis.Addr()
	if err = addresses(&s, o.HTTP); err == nil {
		err = createTopics(ctx, s)
	}
	if err != nil {
		closeAll()
		return s, nil, err
	}
	return s, closeAll, nil
}

// addresses chooses free ports.
func addresses(s *settings.Settings, http string) (err error) {
	if s.HTTP, err = endpoint.Free(http); err != nil {
		return err
	}
	for _, a := range []*string{&s.Admin, &s.QueryBind, &s.PushBind} {
		if *a, err = endpoint.Free("127.0.0.1:0"); err != nil {
			return err
		}
	}
	s.QueryAddr, s.PushAddr, s.KeyAddr = s.QueryBind, s.PushBind, ""
	return nil
}

func createTopics(ctx context.Context, s settings.Settings) error {
	admin, err := kafka.Admin(s)
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := deploy.Apply(ctx, admin, s.Plan(), s.Deployment()); err != nil {
		return fmt.Errorf("create the topics: %w", err)
	}
	return nil
}

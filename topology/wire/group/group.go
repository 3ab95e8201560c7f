// A group's settings and its life.

package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/store"
	"github.com/parley-im/parley/topology/wire/track"
)

// Settings say how a group runs. Zero means the default.
type Settings struct {
	Cluster          cluster.Config
	Dir              string        // folder for local stores; the group's lies in Dir/<group>
	InstanceID       string        // name of this process among its kind, kept over restarts; empty = a member without a name
	SessionTimeout   time.Duration // without a heartbeat, until others get the partitions; 10 s
	DrainLimit       time.Duration // from the end of a session to its last ack; longer ends the process; 15 s
	HotStandby       bool          // keep a copy of the partitions of others: quicker takeovers, more disk and network
	MaxInFlight      int           // records handed to the producer and not acked; 20,000
	MaxInFlightBytes int64         // bytes of the same; 64 MiB
}

func (s Settings) withDefaults() Settings {
	if s.SessionTimeout == 0 {
		s.SessionTimeout = cluster.SessionTimeout
	}
	if s.DrainLimit == 0 {
		s.DrainLimit = defaultDrainLimit
	}
	if s.MaxInFlight == 0 {
		s.MaxInFlight = defaultMaxInFlight
	}
	if s.MaxInFlightBytes == 0 {
		s.MaxInFlightBytes = defaultInFlightBytes
	}
	return s
}

// Config is what Run needs.
type Config struct {
	Plan     topology.Plan
	Machine  topology.Machine
	Settings Settings
	Log      *slog.Logger          // nil = slog.Default
	Metrics  prometheus.Registerer // nil = none

	// Owned is called when a session begins to fold, with its partitions (perhaps none, never nil), and with nil when it
	// ends. After its first call the group is ready.
	Owned func(partitions []int32)

	// Exit is called at most once, when the process must end because of the prefix law or an alarm (errors.Is cluster.ErrAlarm).
	// The default logs and exits with ExitCode. When it returns, Run returns the error too.
	Exit func(error)
}

// group is a running group.
type group struct {
	plan     topology.Plan
	machine  topology.Machine
	settings Settings
	log      *slog.Logger
	owned    func([]int32)
	exit     func(error)

	name  string // of the consumer group
	input string
	table string // changelog topic
	ids   store.IDs

	client   sarama.Client
	reader   sarama.Consumer // of changelog tails
	admin    sarama.ClusterAdmin
	stores   *store.Store
	producer *track.Producer
	metrics  *metrics
	claims   []atomic.Pointer[claim]

	cancel context.CancelCauseFunc
	end    atomic.Pointer[error]
}

// Run runs one group until the context ends (nil) or a law is broken. Several may run in one process.
func Run(ctx context.Context, cfg Config) error {
	g, err := newGroup(cfg)
	if err != nil {
		return err
	}
	ctx, g.cancel = context.WithCancelCause(ctx)
	defer g.cancel(nil)
	if err := g.connect(); err != nil {
		return errors.Join(err, g.disconnect())
	}
	err = g.run(ctx)
	if end := g.ending(); end != nil {
		err = end
	}
	return errors.Join(err, g.disconnect())
}

func newGroup(cfg Config) (*group, error) {
	if err := cfg.Settings.Cluster.Check(); err != nil {
		return nil, err
	}
	if cfg.Settings.Dir == "" {
		return nil, errors.New("no folder is named for the local stores: set the data folder")
	}
	g := &group{
		plan: cfg.Plan, machine: cfg.Machine, settings: cfg.Settings.withDefaults(),
		log:   cmp.Or(cfg.Log, slog.Default()).With("group", cfg.Machine.Group.Name),
		owned: cfg.Owned, exit: cfg.Exit,
		name:  cfg.Plan.Consumer(cfg.Machine.Group.Name),
		input: cfg.Machine.Group.Input, table: cfg.Plan.Table(cfg.Machine.Group.Name),
		claims: make([]atomic.Pointer[claim], cfg.Plan.Partitions),
	}
	if g.owned == nil {
		g.owned = func([]int32) {}
	}
	if g.exit == nil {
		g.exit = g.exitProcess
	}
	g.producer = track.New(g.plan.Partitions, g.table, track.Limits{Records: g.settings.MaxInFlight, Bytes: g.settings.MaxInFlightBytes}, g.die)
	g.metrics = newMetrics(cfg.Metrics, cfg.Machine.Group.Name, func() float64 { return float64(g.producer.Unacked()) })
	return g, nil
}

// connect opens what lives as long as the group.
func (g *group) connect() error {
	conf, err := recoveryConfig(g.settings.Cluster, g.name)
	if err != nil {
		return err
	}
	if g.client, err = sarama.NewClient(g.settings.Cluster.Brokers, conf); err != nil {
		return fmt.Errorf("reach Kafka at %v: %w", g.settings.Cluster.Brokers, err)
	}
	if g.admin, err = sarama.NewClusterAdminFromClient(g.client); err != nil {
		return fmt.Errorf("reach Kafka: %w", err)
	}
	if g.reader, err = sarama.NewConsumerFromClient(g.client); err != nil {
		return fmt.Errorf("reach Kafka: %w", err)
	}
	if err := g.findTopics(); err != nil {
		return err
	}
	g.stores, err = store.Open(g.folder(), g.log, g.die)
	if err == nil && g.stores.Rebuilt() {
		g.metrics.removed.Inc()
	}
	return err
}

// folder is where the local store lies.
func (g *group) folder() string { return filepath.Join(g.settings.Dir, g.machine.Group.Name) }

func (g *group) disconnect() error {
	var err error
	if g.stores != nil {
		err = g.stores.Close()
	}
	if g.reader != nil {
		err = errors.Join(err, g.reader.Close())
	}
	if g.client != nil { // closes admin's connections too
		err = errors.Join(err, g.client.Close())
	}
	return err
}

func (g *group) run(ctx context.Context) error {
	processor, err := goka.NewProcessor(g.settings.Cluster.Brokers, g.graph(), g.gokaOptions()...)
	if err != nil {
		return fmt.Errorf("start the group %s: %w", g.name, err)
	}
	var wait sync.WaitGroup
	check, stop := context.WithCancel(ctx)
	wait.Go(func() { g.checkTopicsForever(check) })
	err = processor.Run(ctx)
	stop()
	wait.Wait()
	if ctx.Err() != nil && g.ending() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("run the group %s: %w", g.name, err)
	}
	return nil
}

// buildProducer is goka's hook for the producer.
func (g *group) buildProducer([]string, string, func() hash.Hash32) (goka.Producer, error) {
	if err := g.producer.Connect(g.settings.Cluster, g.name, g.log); err != nil {
		return nil, err
	}
	return g.producer, nil
}

// buildReader is goka's hook for reading changelogs.
func (g *group) buildReader([]string, string) (sarama.Consumer, error) {
	return sarama.NewConsumerFromClient(g.client)
}

// die keeps the prefix law: what is not acked is given up, nothing is flushed, and the process ends.
func (g *group) die(err error) {
	if !g.end.CompareAndSwap(nil, &err) {
		return
	}
	g.producer.Stop(err)
	g.cancel(err)
	g.exit(err)
}

// ending is why the process must end, or nil.
func (g *group) ending() error {
	if err := g.end.Load(); err != nil {
		return *err
	}
	return nil
}

func (g *group) dead() bool { return g.end.Load() != nil }

func (g *group) exitProcess(err error) {
	g.log.Error("the process ends, as the prefix law wants", "error", err)
	os.Exit(cluster.ExitCode)
}

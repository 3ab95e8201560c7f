// This file starts Apache Kafka: one broker or several, each broker and controller in one JVM.

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/test/servers/network"
)

// KafkaConfig says what StartKafka starts. The zero value is one broker on any port with data that goes with it.
type KafkaConfig struct {
	Brokers  int               // 0 means 1
	Port     int               // of the first broker; 0 means any
	Dir      string            // for data and logs; "" means a temporary one, removed by Close
	Keep     bool              // Close shuts down in good order, for the data are to be used again
	Settings map[string]string // server.properties over the ones for tests
	JVM      []string          // further flags of Java, over ours
	Hosts    []*network.Host   // where the brokers run, in turn; none = here
	Own      bool              // even when PARLEY_TEST_KAFKA names one
	Log      io.Writer         // what is being installed; nil means nobody wants to know
}

// KafkaOption changes a KafkaConfig.
type KafkaOption interface{ kafka(*KafkaConfig) }

type kafkaOption func(*KafkaConfig)

func (o kafkaOption) kafka(c *KafkaConfig) { o(c) }

// Brokers starts n brokers instead of one. With three, topics have three replicas and need two in sync.
func Brokers(n int) KafkaOption {
	return kafkaOption(func(c *KafkaConfig) { c.Brokers, c.Own = n, true })
}

// Config sets one line of server.properties.
func Config(key, value string) KafkaOption {
	return kafkaOption(func(c *KafkaConfig) {
		if c.Settings == nil {
			c.Settings = map[string]string{}
		}
		c.Settings[key], c.Own = value, true
	})
}

// JVM adds flags of Java, for example "-Xmx2g", "-XX:TieredStopAtLevel=4" for a measurement.
func JVM(flags ...string) KafkaOption {
	return kafkaOption(func(c *KafkaConfig) { c.JVM, c.Own = append(c.JVM, flags...), true })
}

// KafkaServer is a running Kafka. Start, Stop, Kill, Pause and Resume take numbers of brokers, counted from 0, and
// mean all of them when none is given.
type KafkaServer struct {
	Addr    string   // of the first broker
	Brokers []string // of all

	nodes   []*kafkaNode
	ports   ports
	keep    bool
	cleanUp func() error
}

// kafkaNode is one broker with its controller.
type kafkaNode struct {
	id             int
	port           int
	controllerPort int
	logDir         string
	host           *network.Host // nil = here
	process        *process
}

// brokerHeap is enough for tests, and three of them fit on a small machine.
const brokerHeap = "-Xmx384m"

// Kafka starts Apache Kafka for one test, or skips the test when that cannot be had.
func Kafka(t testing.TB, opts ...KafkaOption) *KafkaServer {
	t.Helper()
	cfg := KafkaConfig{Log: os.Stderr}
	for _, o := range opts {
		o.kafka(&cfg)
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	k, err := StartKafka(t.Context(), cfg)
	if err != nil {
		SkipOrFail(t, "Apache Kafka", err)
	}
	cleanUp(t, k)
	return k
}

// StartKafka starts Apache Kafka and returns when every broker answers. Installing it, the first time on a machine,
// takes a minute. The caller closes it.
func StartKafka(ctx context.Context, cfg KafkaConfig) (*KafkaServer, error) {
	if err := wanted(); err != nil {
		return nil, err
	}
	if addr := given("PARLEY_TEST_KAFKA", cfg.Own); addr != "" {
		return givenKafka(ctx, addr)
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	home, javaPath, err := kafkaHome(ctx, cfg.Log)
	if err != nil {
		return nil, err
	}
	k, err := newKafka(cfg, home, javaPath)
	if err != nil {
		return nil, err
	}
	if err := k.start(ctx); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func givenKafka(ctx context.Context, addr string) (*KafkaServer, error) {
	k := &KafkaServer{Brokers: strings.Split(addr, ",")}
	k.Addr = k.Brokers[0]
	if err := askKafka(ctx, k.Addr, 1); err != nil {
		return nil, fmt.Errorf("PARLEY_TEST_KAFKA=%s does not answer; correct it or unset it: %w", addr, err)
	}
	return k, nil
}

// newKafka lays out ports, folders and settings. Nothing runs yet.
func newKafka(cfg KafkaConfig, home, javaPath string) (*KafkaServer, error) {
	dir, remove, err := dataDir(cfg.Dir, "kafka")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	k := &KafkaServer{cleanUp: remove, keep: cfg.Keep}
	clusterID := randomID()
	for i := range max(cfg.Brokers, 1) {
		n := &kafkaNode{id: i + 1, logDir: filepath.Join(dir, fmt.Sprintf("broker-%d", i+1), "log")}
		if len(cfg.Hosts) > 0 {
			n.host = cfg.Hosts[i%len(cfg.Hosts)]
		}
		wantedPort := 0
		if cfg.Port != 0 {
			wantedPort = cfg.Port + i
		}
		if n.port, err = k.ports.take(wantedPort); err == nil {
			n.controllerPort, err = k.ports.take(0)
		}
		if err == nil && i == 0 {
			clusterID = clusterOf(n.logDir, clusterID)
		}
		if err == nil {
			err = n.format(home, clusterID)
		}
		if err != nil {
			return nil, errors.Join(err, k.Close())
		}
		k.nodes = append(k.nodes, n)
		k.Brokers = append(k.Brokers, addrAt(n.host, n.port))
	}
	k.Addr = k.Brokers[0]
	for _, n := range k.nodes {
		if err := n.prepare(k.nodes, cfg, home, javaPath); err != nil {
			return nil, errors.Join(err, k.Close())
		}
	}
	return k, nil
}

// clusterOf is the cluster id of a folder that is formatted already, else the fresh one.
func clusterOf(logDir, fresh string) string {
	data, _ := os.ReadFile(filepath.Join(logDir, "meta.properties"))
	for line := range strings.Lines(string(data)) {
		if id, found := strings.CutPrefix(strings.TrimSpace(line), "cluster.id="); found {
			return id
		}
	}
	return fresh
}

// prepare writes the node's settings and the command that runs it.
func (n *kafkaNode) prepare(all []*kafkaNode, cfg KafkaConfig, home, javaPath string) error {
	dir := filepath.Dir(n.logDir)
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, []byte(n.properties(all, cfg.Settings)), 0o644); err != nil {
		return fmt.Errorf("write the settings of broker %d: %w", n.id, err)
	}
	args := append([]string{brokerHeap}, quickJVM(filepath.Join(home, "classes.jsa"))...)
	args = append(args, cfg.JVM...)
	args = append(args, "-cp", filepath.Join(home, "lib", "*"), "kafka.Kafka", file)
	n.process = &process{
		name: fmt.Sprintf("kafka broker %d", n.id), path: javaPath, args: args,
		dir: dir, logPath: filepath.Join(dir, "server.log"), host: n.host,
	}
	return nil
}

// askKafka succeeds when the broker at addr answers that at least so many brokers are in service.
func askKafka(ctx context.Context, addr string, brokers int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0), kgo.MetadataMinAge(readyPause))
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := kadm.NewClient(client).ListBrokers(ctx)
	if err != nil {
		return err
	}
	if len(found) < brokers {
		return fmt.Errorf("%d of %d brokers are in service", len(found), brokers)
	}
	return nil
}

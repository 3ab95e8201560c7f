// The world of a campaign: real servers, and the house in eight processes and more.

package system

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/token"
	"github.com/parley-im/parley/test/house"
	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
)

const (
	partitions       = 8               // of every topic
	sessionTimeout   = 3 * time.Second // of processors; a freeze lasts longer
	followerSession  = 10 * time.Second
	recoveryPatience = 5 * time.Minute // until a fault that never heals fails the campaign; no promise
	drain            = "3s"            // of a gateway that stops
	tokenLife        = 48 * time.Hour
	firstFindings    = 20 // that are told with their words
)

// The roles of the processors, and of the views with their query service.
var (
	processing = []string{"processor/"}
	viewing    = []string{"view/", "query"}
)

// world is everything that a campaign plays with.
type world struct {
	t     *testing.T
	h     *house.House
	kafka *servers.KafkaServer
	redis *servers.RedisServer
	mongo *servers.MongoServer
	dir   string // logs, settings, local stores
	key   ed25519.PrivateKey
	rand  *rand.Rand

	processors, dispatchers, gateways []*member
	views, keys, spare                *member
	doors                             []string // addresses of the gateways

	crowd     *crowd
	deafFrom  atomic.Int64 // since when (Unix nanoseconds) nothing that is sent may be accepted; 0 = all is well
	refusals  sync.Map     // code -> *atomic.Int64
	accepted  atomic.Int64
	shown     atomic.Int64
	again     atomic.Int64 // events shown again behind a snapshot
	behind    atomic.Int64 // snapshots behind what the device had
	resyncs   atomic.Int64
	nudges    atomic.Int64 // devices that came back by themselves because they were behind for long
	poisoned  []poison
	spareOnce sync.Once
	storm     int // sockets of a reconnect storm

	mu       sync.Mutex
	findings []string
}

// find notes an anomaly.
func (w *world) find(letter, format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings = append(w.findings, letter+": "+fmt.Sprintf(format, a...))
	if w.t != nil && len(w.findings) <= firstFindings {
		w.t.Errorf("%s: %s", letter, fmt.Sprintf(format, a...))
	}
}

// note tells something that is no anomaly, with its time, so that it can be found in the logs of the processes.
func (w *world) note(format string, a ...any) {
	if w.t != nil {
		w.t.Logf("%s %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, a...))
	}
}

func (w *world) refused(code string) {
	n, _ := w.refusals.LoadOrStore(code, &atomic.Int64{})
	n.(*atomic.Int64).Add(1)
}

func (w *world) refusedSoFar() (all int64) {
	w.refusals.Range(func(_, n any) bool { all += n.(*atomic.Int64).Load(); return true })
	return all
}

// members are all processes that belong to the house all the time.
func (w *world) members() []*member {
	all := append([]*member{}, w.processors...)
	all = append(all, w.views, w.keys)
	all = append(all, w.dispatchers...)
	return append(all, w.gateways...)
}

func (w *world) port() string { return servers.Port(w.t) }

// newWorld starts the servers and the house.
func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, dir: t.TempDir(), rand: rand.New(rand.NewPCG(seed, 0))}
	// Both Kafka's and the stores' data live in folders of the test, and go with it.
	w.kafka = servers.Kafka(t, servers.Brokers(3))
	w.redis, w.mongo = servers.Redis(t, servers.AOF()), servers.Mongo(t, servers.OnDisk())
	binary, err := house.Build()
	require.NoError(t, err)
	w.h = &house.House{
		Partitions: partitions, Binary: binary, Data: filepath.Join(w.dir, "data"), Kafka: strings.Join(w.kafka.Brokers, ","),
		Redis: w.redis.Addr, Mongo: w.mongo.URI, Settings: filepath.Join(w.dir, "parley.yaml"), Strangers: map[string]bool{},
	}
	w.key, _, err = token.Pair(filepath.Join(w.h.Data, "token"))
	require.NoError(t, err)
	query, key := w.port(), w.port()
	pushes := []string{w.port(), w.port()}
	require.NoError(t, os.WriteFile(w.h.Settings, []byte(strings.Join([]string{
		"brokers: " + w.h.Kafka, "redis: " + w.h.Redis, "documents: " + w.h.Mongo, "data: " + w.h.Data,
		"replication: 3", fmt.Sprint("partitions: ", partitions), "session-timeout: " + sessionTimeout.String(),
		"query-listen: " + query, "query: " + query, "push: " + strings.Join(pushes, ","), "key-listen: " + key, "keys: " + key,
		"drain: " + drain,
	}, "\n")), 0o600))
	w.h.Run(t, "topology", "apply", "--settings", w.h.Settings)
	for i, push := range pushes {
		own := filepath.Join(w.dir, fmt.Sprint("processor", i))
		w.processors = append(w.processors, newMember(w, fmt.Sprint("processors", i), processing, own))
		w.dispatchers = append(w.dispatchers, newMember(w, fmt.Sprint("dispatch", i), []string{"dispatch"}, w.h.Data, "PARLEY_PUSH_LISTEN="+push))
		w.doors = append(w.doors, w.port())
		w.gateways = append(w.gateways, newMember(w, fmt.Sprint("gateway", i), []string{"gateway"}, w.h.Data, "PARLEY_HTTP="+w.doors[i]))
	}
	w.views = newMember(w, "views", viewing, w.h.Data)
	w.keys = newMember(w, "keys", []string{"keys"}, w.h.Data)
	w.spare = newMember(w, "spare", processing, filepath.Join(w.dir, "spare"))
	for _, m := range w.members() {
		m.keep(t)
	}
	t.Cleanup(w.close)
	for _, m := range w.members() {
		require.True(t, m.ready(recoveryPatience), "%s is not ready: %s", m.name, m.lastWords())
	}
	return w
}

// close ends all processes and keeps their logs when the campaign failed.
func (w *world) close() {
	for _, m := range append(w.members(), w.spare) {
		m.leave()
	}
	for _, m := range w.members() {
		select {
		case <-m.ended:
		case <-time.After(house.Patience):
			w.t.Errorf("%s did not stop within %v of SIGTERM", m.name, house.Patience)
			m.signal(9, true)
		}
	}
	if !w.t.Failed() {
		return
	}
	kept, err := os.MkdirTemp("", "parley-campaign-")
	if err != nil {
		return
	}
	logs, _ := filepath.Glob(w.dir + "/*.log")
	for _, l := range logs {
		if b, err := os.ReadFile(l); err == nil {
			_ = os.WriteFile(filepath.Join(kept, filepath.Base(l)), b, 0o600)
		}
	}
	w.t.Logf("the logs of all processes are in %s", kept)
}

// token is what a person comes with.
func (w *world) token(user string) string {
	s, err := token.Mint(w.key, token.Local, user, time.Now(), tokenLife)
	require.NoError(w.t, err)
	return s
}

func (w *world) plan() topology.Plan { return w.h.Plan() }

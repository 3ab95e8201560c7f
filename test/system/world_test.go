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
	"github.com/parley-im/parley/test/servers/network"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
)

const (
	partitions     = 8               // of every topic
	sessionTimeout = 3 * time.Second // of members of groups; a freeze lasts longer
	drain          = "3s"            // of a gateway that stops
	tokenLife      = 48 * time.Hour
	firstFindings  = 20 // that are told with their words
)

// recoveryPatience is how long a fault may take to heal until it fails the campaign; no promise. PATIENCE changes it, for
// houses that cannot heal.
var recoveryPatience = patience(os.Getenv("PATIENCE"), 5*time.Minute)

func patience(given string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(given); err == nil {
		return d
	}
	return usual
}

// The roles of the processors, and of the views with their query service.
var (
	folding = []string{"processor/"}
	viewing = []string{"view/", "query"}
)

// world is everything that a campaign plays with.
type world struct {
	t     *testing.T
	h     *house.House
	kafka *servers.KafkaServer
	redis *servers.RedisServer
	mongo *servers.MongoServer
	net   *network.Network        // nil where none can be had
	falls map[failpoint.Point]int // deaths and freezes at failpoints
	hosts map[string]*network.Host
	dir   string // logs, settings, local stores
	key   ed25519.PrivateKey
	rand  *dice
	began time.Time
	disks map[string]*disk // of their own: by what stands on them

	earlier func() string // binary of an earlier commit, as soon as it is there; "" = it is not to be had

	processors, dispatchers, gateways []*member
	views, keys, spare                *member
	doors                             []string // addresses of the gateways

	crowd     *crowd
	history   *history
	deafFrom  atomic.Int64 // since when (Unix nanoseconds) nothing that is sent may be accepted; 0 = all is well
	refusals  sync.Map     // code -> *atomic.Int64
	accepted  atomic.Int64
	shown     atomic.Int64
	again     atomic.Int64 // events shown again behind a snapshot
	behind    atomic.Int64 // snapshots behind what the device had
	resyncs   atomic.Int64
	nudges    atomic.Int64 // devices that came back by themselves because they were behind for long
	holed     atomic.Int64 // devices that jumped over what is not kept any more
	poisons   atomic.Int64
	forged    map[place]bool // records that nobody of the house can have written, and that parley verify must find
	spareOnce sync.Once
	storm     int // sockets of a reconnect storm

	mu       sync.Mutex
	findings []string
	unsaid   map[string]int64 // letter -> anomalies that the checker counted
	left     []string         // out, and why
}

// dice are for many goroutines.
type dice struct {
	mu   sync.Mutex
	rand *rand.Rand
}

func (d *dice) IntN(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(n)
}

func (d *dice) Perm(n int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Perm(n)
}

// leaveOut says of faults that they cannot be done here: loudly, and in the report.
func (w *world) leaveOut(class int, why string) {
	w.t.Logf("!!! SKIPPED: class %d, %s", class, why)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = append(w.left, fmt.Sprintf("%d: %s", class, why))
}

// age is how long the campaign lasts.
func (w *world) age() time.Duration { return time.Since(w.began).Round(time.Second) }

// find notes an anomaly.
func (w *world) find(letter, format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings = append(w.findings, letter+": "+fmt.Sprintf(format, a...))
	if w.t != nil && len(w.findings) <= firstFindings {
		w.t.Errorf("%s: %s", letter, fmt.Sprintf(format, a...))
	}
}

// first are the findings that are told with their words. It is called with the lock.
func (w *world) first() []string { return w.findings[:min(len(w.findings), firstFindings)] }

// sumUp repeats what was found where nobody has to look for it, at the end.
func (w *world) sumUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.first() {
		w.t.Log(f)
	}
	if n := len(w.findings); n > 0 {
		w.t.Logf("%d anomalies", n)
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

// newWorld starts the servers and the house.
func newWorld(t *testing.T, seed uint64, storm int) *world {
	w := &world{
		t: t, rand: &dice{rand: rand.New(rand.NewPCG(seed, 0))}, storm: storm, began: time.Now(),
		disks: map[string]*disk{}, forged: map[place]bool{}, unsaid: map[string]int64{},
	}
	t.Cleanup(w.sumUp) // registered first, so that it comes behind what servers and processes say
	w.dir = t.TempDir()
	w.history = newHistory(t.TempDir())
	w.earlier = sync.OnceValue(w.buildEarlier)
	go func() { // while the servers start, and the other while people talk
		_, _ = house.BuildMortal()
		w.earlier()
	}()
	t.Cleanup(func() { w.earlier() })
	w.connect()
	w.disks[brokerDisk] = w.disk(filepath.Join(w.dir, "kafka", "broker-1"), brokerDiskMiB)
	// Both Kafka's and the stores' data live in folders of the test, and go with it.
	w.kafka = servers.Kafka(t, servers.Brokers(3), servers.Folder(filepath.Join(w.dir, "kafka")), servers.At(w.host("kafka0"), w.host("kafka1"), w.host("kafka2")))
	w.redis = servers.Redis(t, servers.AOF(), servers.At(w.host("redis")))
	w.mongo = servers.Mongo(t, servers.OnDisk(), servers.At(w.host("mongo")))
	binary, err := house.BuildMortal()
	require.NoError(t, err)
	w.h = &house.House{
		Partitions: partitions, Binary: binary, Data: filepath.Join(w.dir, "data"), Kafka: strings.Join(w.kafka.Brokers, ","),
		Redis: w.redis.Addr, Mongo: w.mongo.URI, Settings: filepath.Join(w.dir, "parley.yaml"), Strangers: map[string]bool{},
	}
	w.key, _, err = token.Pair(filepath.Join(w.h.Data, "token"))
	require.NoError(t, err)
	query, key := w.port("views"), w.port("keys")
	pushes := []string{w.port("dispatch0"), w.port("dispatch1")}
	require.NoError(t, os.WriteFile(w.h.Settings, []byte(strings.Join([]string{
		"brokers: " + w.h.Kafka, "redis: " + w.h.Redis, "documents: " + w.h.Mongo, "data: " + w.h.Data,
		"replication: 3", fmt.Sprint("partitions: ", partitions), "session-timeout: " + sessionTimeout.String(),
		"query-listen: " + query, "query: " + query, "push: " + strings.Join(pushes, ","), "key-listen: " + key, "keys: " + key,
		"drain: " + drain,
	}, "\n")), 0o600))
	w.h.Run(t, "topology", "apply", "--settings", w.h.Settings)
	for i, push := range pushes {
		own := filepath.Join(w.dir, fmt.Sprint("processor", i))
		w.disks[fmt.Sprint("processors", i)] = w.disk(own, storeDiskMiB)
		w.processors = append(w.processors, newMember(w, fmt.Sprint("processors", i), folding, own))
		w.dispatchers = append(w.dispatchers, newMember(w, fmt.Sprint("dispatch", i), []string{"dispatch"}, w.h.Data, "PARLEY_PUSH_LISTEN="+push))
		w.doors = append(w.doors, w.port(fmt.Sprint("gateway", i)))
		w.gateways = append(w.gateways, newMember(w, fmt.Sprint("gateway", i), []string{"gateway"}, w.h.Data, "PARLEY_HTTP="+w.doors[i]))
	}
	w.views = newMember(w, "views", viewing, w.h.Data)
	w.keys = newMember(w, "keys", []string{"keys"}, w.h.Data)
	w.spare = newMember(w, "spare", folding, filepath.Join(w.dir, "spare"))
	for _, m := range w.members() {
		m.keep()
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
	w.t.Logf("the logs of all processes are in %s; their last words:", w.keepLogs())
	for _, m := range w.members() {
		w.t.Logf("%s: %s", m.name, m.lastWords())
	}
}

// token is what a person comes with.
func (w *world) token(user string) string {
	s, err := token.Mint(w.key, token.Local, user, time.Now(), tokenLife)
	require.NoError(w.t, err)
	return s
}

func (w *world) plan() topology.Plan { return w.h.Plan() }

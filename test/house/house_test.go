// The whole house, started as its users start it, and one suite that is true on the embedded parts and on real servers.

package house

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
)

func TestEmbedded(t *testing.T) { wholeDay(t, startEmbedded(t)) }

func TestReal(t *testing.T) { wholeDay(t, startReal(t)) }

// wholeDay is the suite, and the proof of what it left behind.
func wholeDay(t *testing.T, h *House) {
	t.Run("suite", func(t *testing.T) { suite(t, h) })
	onlyTheAccepted(t, h)
	quiet(t, h)
	ProveViews(t, h, Prove(t, h))
}

// start runs the binary until the test ends and fails the test when it stops by itself.
func start(t *testing.T, binary string, onLine func(string), args ...string) {
	t.Helper()
	c := Launch(t, binary, onLine, args...)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("parley %s ended with %v", args[0], err)
			}
		case <-time.After(Patience):
			_ = c.Process.Kill()
			t.Errorf("parley %s did not stop within %v of SIGTERM", args[0], Patience)
		}
	})
}

func startEmbedded(t *testing.T) *House {
	binary, err := Build()
	require.NoError(t, err)
	h := &House{Partitions: 4, Binary: binary, Data: t.TempDir(), tokens: map[string]string{}}
	type line struct{ URL, Kafka, Redis string }
	ready := make(chan line, 1)
	start(t, binary, func(s string) {
		var l line
		if json.Unmarshal([]byte(s), &l) == nil && l.URL != "" {
			ready <- l
		}
	}, "dev", "--http", "127.0.0.1:0", "--data", h.Data, "--output", "json")
	select {
	case l := <-ready:
		h.URL, h.Kafka, h.Redis = l.URL, l.Kafka, l.Redis
	case <-time.After(Patience):
		require.FailNow(t, "parley dev printed no ready line")
	}
	return h
}

// The roles of a whole house, as three processes run them.
var (
	processing = []string{"processor/outbox", "processor/conversation", "processor/inbox", "processor/bookmark", "processor/account"}
	viewing    = []string{"view/inbox", "view/bookmark", "view/presence", "view/history", "view/people", "query"}
	serving    = []string{"keys", "dispatch", "gateway"}
)

func startReal(t *testing.T) *House {
	h := prepare(t)
	for _, roles := range [][]string{processing, viewing, serving} {
		h.serve(t, roles)
	}
	return h
}

// startHerd is a real house whose processors live in n processes that may be killed.
func startHerd(t *testing.T, n int) (*House, *herd) {
	h := prepare(t, "session-timeout: "+campaignSession.String())
	g := &herd{t: t, members: make([]*exec.Cmd, n)}
	admins := make([]string, n)
	for i := range admins {
		admins[i] = freePort(t)
	}
	g.start = func(i int) *exec.Cmd {
		args := append([]string{"run", "--settings", h.Settings, "--admin", admins[i], "--instance", fmt.Sprint("p", i),
			"--data", filepath.Join(h.Data, fmt.Sprint("p", i))}, processing...)
		return Launch(t, h.Binary, nil, args...)
	}
	for i := range n {
		g.keep(i)
	}
	t.Cleanup(g.stop)
	for _, admin := range admins {
		WaitReady(t, "http://"+admin+"/readyz")
	}
	h.serve(t, viewing)
	h.serve(t, serving)
	return h, g
}

// prepare starts real servers, writes the settings file and makes the topics.
func prepare(t *testing.T, more ...string) *House {
	kafka, redis, mongo := servers.Kafka(t), servers.Redis(t), servers.Mongo(t)
	binary, err := Build()
	require.NoError(t, err)
	h := &House{
		Partitions: 8, Binary: binary, Data: t.TempDir(), tokens: map[string]string{},
		Kafka: kafka.Addr, Redis: redis.Addr, Mongo: mongo.URI,
	}
	http, query, push, key := freePort(t), freePort(t), freePort(t), freePort(t)
	h.URL, h.Settings = "http://"+http, filepath.Join(h.Data, "parley.yaml")
	lines := append([]string{
		"brokers: " + h.Kafka, "redis: " + h.Redis, "documents: " + h.Mongo, "data: " + h.Data,
		"replication: 1", fmt.Sprint("partitions: ", h.Partitions), "http: " + http,
		"query-listen: " + query, "query: " + query, "push-listen: " + push, "push: " + push,
		"key-listen: " + key, "keys: " + key,
	}, more...)
	require.NoError(t, os.WriteFile(h.Settings, []byte(strings.Join(lines, "\n")), 0o600))
	h.Run(t, "topology", "apply", "--settings", h.Settings)
	return h
}

// serve runs roles in a process of their own until the test ends.
func (h *House) serve(t *testing.T, roles []string) {
	admin := freePort(t)
	start(t, h.Binary, nil, append([]string{"run", "--settings", h.Settings, "--admin", admin, "--instance", roles[0]}, roles...)...)
	WaitReady(t, "http://"+admin+"/readyz")
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

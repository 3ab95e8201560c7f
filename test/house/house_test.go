// The whole house, started as its users start it, and one suite that is true on the embedded parts and on real servers.

package house_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
)

// House is a running Parley.
type House struct {
	URL   string
	Data  string // holds the development keys
	Redis string
	Mongo string
	Kafka string

	partitions int32
	binary     string
	settings   string

	mu     sync.Mutex
	tokens map[string]string
}

func TestEmbedded(t *testing.T) { wholeDay(t, startEmbedded(t)) }

func TestReal(t *testing.T) { wholeDay(t, startReal(t)) }

// wholeDay is the suite, and the proof of what it left behind.
func wholeDay(t *testing.T, h *House) {
	t.Run("suite", func(t *testing.T) { suite(t, h) })
	proveViews(t, h, prove(t, h))
}

// plan is the plan as this house was started with it.
func (h *House) plan() topology.Plan {
	p := topology.House()
	p.Partitions = h.partitions
	return p
}

// build makes the binary once for all tests of this package; with -race when the tests themselves have it.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "parley-house-")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "parley")
	args := []string{"build", "-o", out}
	if raceEnabled {
		args = append(args, "-race")
	}
	c := exec.Command("go", append(args, "github.com/parley-im/parley/cmd/parley")...)
	if b, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, b)
	}
	return out, nil
})

// start runs the binary until the test ends and fails the test when it stops by itself.
func start(t *testing.T, binary string, onLine func(string), args ...string) {
	t.Helper()
	c := launch(t, binary, onLine, args...)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("parley %s ended with %v", args[0], err)
			}
		case <-time.After(patience):
			_ = c.Process.Kill()
			t.Errorf("parley %s did not stop within %v of SIGTERM", args[0], patience)
		}
	})
}

// launch starts the binary; its log is shown when the test fails. A dead test takes its processes with it.
func launch(t *testing.T, binary string, onLine func(string), args ...string) *exec.Cmd {
	t.Helper()
	log, err := os.CreateTemp("", "parley-*.log")
	require.NoError(t, err)
	c := exec.Command(binary, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.Stderr = log
	c.Stdout = &lineWriter{onLine: onLine}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("log of parley %s:\n%s", strings.Join(args, " "), b[max(0, len(b)-20_000):])
		}
		_ = os.Remove(log.Name())
	})
	return c
}

// lineWriter hands on whole lines.
type lineWriter struct {
	onLine func(string)
	rest   []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.rest = rest
		if w.onLine != nil {
			w.onLine(string(line))
		}
	}
}

func startEmbedded(t *testing.T) *House {
	binary, err := build()
	require.NoError(t, err)
	h := &House{partitions: 4, binary: binary, Data: t.TempDir(), tokens: map[string]string{}}
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
	case <-time.After(patience):
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
		args := append([]string{"run", "--settings", h.settings, "--admin", admins[i], "--instance", fmt.Sprint("p", i),
			"--data", filepath.Join(h.Data, fmt.Sprint("p", i))}, processing...)
		return launch(t, h.binary, nil, args...)
	}
	for i := range n {
		g.keep(i)
	}
	t.Cleanup(g.stop)
	for _, admin := range admins {
		waitReady(t, "http://"+admin+"/readyz")
	}
	h.serve(t, viewing)
	h.serve(t, serving)
	return h, g
}

// prepare starts real servers, writes the settings file and makes the topics.
func prepare(t *testing.T, more ...string) *House {
	kafka, redis, mongo := servers.Kafka(t), servers.Redis(t), servers.Mongo(t)
	binary, err := build()
	require.NoError(t, err)
	h := &House{
		partitions: 8, binary: binary, Data: t.TempDir(), tokens: map[string]string{},
		Kafka: kafka.Addr, Redis: redis.Addr, Mongo: mongo.URI,
	}
	http, query, push, key := freePort(t), freePort(t), freePort(t), freePort(t)
	h.URL, h.settings = "http://"+http, filepath.Join(h.Data, "parley.yaml")
	lines := append([]string{
		"brokers: " + h.Kafka, "redis: " + h.Redis, "documents: " + h.Mongo, "data: " + h.Data,
		"replication: 1", fmt.Sprint("partitions: ", h.partitions), "http: " + http,
		"query-listen: " + query, "query: " + query, "push-listen: " + push, "push: " + push,
		"key-listen: " + key, "keys: " + key,
	}, more...)
	require.NoError(t, os.WriteFile(h.settings, []byte(strings.Join(lines, "\n")), 0o600))
	h.run(t, "topology", "apply", "--settings", h.settings)
	return h
}

// serve runs roles in a process of their own until the test ends.
func (h *House) serve(t *testing.T, roles []string) {
	admin := freePort(t)
	start(t, h.binary, nil, append([]string{"run", "--settings", h.settings, "--admin", admin, "--instance", roles[0]}, roles...)...)
	waitReady(t, "http://"+admin+"/readyz")
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func waitReady(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	require.FailNow(t, "not ready", url)
}

// run runs one command of the binary and returns what it printed.
func (h *House) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, h.binary, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	require.NoError(t, err, "parley %s: %s", strings.Join(args, " "), stderr.String())
	return strings.TrimSpace(string(out))
}

// Token mints a token as a developer would.
func (h *House) Token(t *testing.T, user string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens[user] == "" {
		h.tokens[user] = h.run(t, "token", user, "--data", h.Data)
	}
	return h.tokens[user]
}

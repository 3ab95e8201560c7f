// Package house runs the whole house as its users run it, the real binary as processes of its own, and proves from the log
// what it did. The suite beside it is true on the embedded parts and on real servers; other tests start houses of their own.
package house

import (
	"bytes"
	"context"
	"fmt"
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

	"github.com/parley-im/parley/topology"
)

// Patience is how long anything may take before a test gives up; it is never asserted to be short.
const Patience = 60 * time.Second

// House is a running Parley.
type House struct {
	URL   string
	Data  string // holds the development keys
	Redis string
	Mongo string
	Kafka string // bootstrap servers, comma separated

	Partitions int32
	Binary     string          // as Build made it
	Settings   string          // the file that the binary's commands are given
	Strangers  map[string]bool // topics of groups alone into which a test wrote by itself

	mu       sync.Mutex
	accepted sync.Map // commands that a gate accepted: user/device/client_seq
	unseen   sync.Map // bookmarks whose marks a gate refused: user/home/conversation
	tokens   map[string]string
}

// Plan is the plan as this house was started with it.
func (h *House) Plan() topology.Plan {
	p := topology.House()
	p.Partitions = h.Partitions
	return p
}

// Build makes the binary once for all tests of this package; with -race when the tests themselves have it.
var Build = sync.OnceValues(func() (string, error) { return build() })

// BuildMortal makes a binary that can be told where to die; package wire's failpoint.go says how.
var BuildMortal = sync.OnceValues(func() (string, error) { return build("-tags", "failpoints") })

func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "parley-house-")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "parley")
	args := append([]string{"build", "-o", out}, flags...)
	if raceEnabled {
		args = append(args, "-race")
	}
	c := exec.Command("go", append(args, "github.com/parley-im/parley/cmd/parley")...)
	if b, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, b)
	}
	return out, nil
}

// Launch starts the binary; its log is shown when the test fails. A dead test takes its processes with it.
func Launch(t *testing.T, binary string, onLine func(string), args ...string) *exec.Cmd {
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

func WaitReady(t *testing.T, url string) {
	t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
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

// Run runs one command of the binary and returns what it printed.
func (h *House) Run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := h.Try(args...)
	require.NoError(t, err)
	return out
}

// Try runs one command of the binary, which may fail.
func (h *House) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c := exec.CommandContext(ctx, h.Binary, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("parley %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// Token mints a token as a developer would.
func (h *House) Token(t *testing.T, user string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tokens[user] == "" {
		h.tokens[user] = h.Run(t, "token", user, "--data", h.Data)
	}
	return h.tokens[user]
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	require.FailNow(t, "never came true")
}

// An auditor that follows: it shows through where everything is verified, goes on where it was killed, and finds what is
// wrong in a live view.

package tools

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/cmd/parley/dev"
	"github.com/parley-im/parley/cmd/parley/endpoint"
	"github.com/parley-im/parley/topology"
)

// watcher is a running parley verify --follow --output json.
type watcher struct {
	*exec.Cmd
	lines chan told
}

// told is any of its lines.
type told struct {
	Until *time.Time `json:"verified_until"`
	Law   string     `json:"law"`
	View  string     `json:"view"`
	Key   string     `json:"key"`

	Counts struct {
		Records int64 `json:"records"`
	}
	Views struct {
		Samples     int64    `json:"samples"`
		Differences int64    `json:"differences"`
		NotSampled  []string `json:"not_sampled"`
	} `json:"view_samples"`
}

func (h *house) watch(t *testing.T, state string, args ...string) *watcher {
	admin, err := endpoint.Free("127.0.0.1:0")
	require.NoError(t, err)
	w := &watcher{lines: make(chan told, 10_000)}
	w.Cmd = exec.Command(h.binary, append([]string{"verify", "--follow", "--output", "json", "--admin", admin, "--state", state,
		"--every", "50ms", "--sample-every", "20ms"}, args...)...)
	w.Env = h.env()
	stdout, err := w.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.Start())
	t.Cleanup(func() { _ = w.Process.Kill() })
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			var line told
			if json.Unmarshal(s.Bytes(), &line) == nil {
				w.lines <- line
			}
		}
	}()
	return w
}

// until waits for a line.
func (w *watcher) until(t *testing.T, what string, is func(told) bool) told {
	t.Helper()
	for limit := time.After(patience); ; {
		select {
		case line, ok := <-w.lines:
			require.True(t, ok, "the auditor ended before: %s", what)
			if is(line) {
				return line
			}
		case <-limit:
			require.FailNow(t, "it never came", what)
		}
	}
}

// follows kills an auditor that follows, and harms a view under another.
func follows(t *testing.T, h *house) {
	state := t.TempDir()
	first := h.watch(t, state)
	first.until(t, "verified until some time, and samples", func(l told) bool {
		require.Empty(t, l.Law+l.View, "%+v", l)
		return l.Until != nil && !l.Until.IsZero() && l.Views.Samples > 5
	})
	for i := range 20 {
		h.say(t, fmt.Sprint("under way ", i))
	}
	require.NoError(t, first.Process.Kill())
	_ = first.Wait()
	h.say(t, "while nobody watched")

	after, code := h.verify(t, "--state", state)
	require.Zero(t, code, "%+v", after.Counts)
	anew, code := h.verify(t, "--state", t.TempDir())
	require.Zero(t, code)
	require.Equal(t, anew.Counts, after.Counts, "an auditor that was killed knows what one knows that was not")

	second := h.watch(t, state, "--fail-fast", "--seed", "7")
	second.until(t, "samples", func(l told) bool {
		require.Empty(t, l.Law+l.View, "%+v", l)
		return l.Views.Samples > 0
	})
	direct := goredis.NewClient(&goredis.Options{Addr: h.Redis, Protocol: 2})
	defer direct.Close()
	head := fmt.Sprintf("inbox:{%d}:bob:head", topology.PartitionOf("bob", dev.Partitions))
	was, err := direct.HGet(t.Context(), head, "inbox_seq").Result()
	require.NoError(t, err)
	require.NoError(t, direct.HSet(t.Context(), head, "inbox_seq", 7).Err())
	found := second.until(t, "the difference", func(l told) bool { return l.View != "" })
	require.Equal(t, "inbox", found.View)
	require.Equal(t, head, found.Key)
	require.Error(t, second.Wait())
	require.Equal(t, 2, second.ProcessState.ExitCode())
	require.NoError(t, direct.HSet(t.Context(), head, "inbox_seq", was).Err())
}

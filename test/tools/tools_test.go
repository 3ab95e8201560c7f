// The operators' tools against a running deployment: verify, explain, state, views; and what they find in a log that was tampered
// with.

package tools

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/cmd/parley/dev"
	"github.com/parley-im/parley/cmd/parley/endpoint"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// patience is how long anything may take before a test gives up; it is never asserted to be short.
const patience = 60 * time.Second

// house is a running `parley dev`.
type house struct {
	dev.Ready
	binary string
	token  string // Ann's
}

// live builds the binary and starts a house that lives as long as the test.
func live(t *testing.T) *house {
	h := &house{binary: filepath.Join(t.TempDir(), "parley")}
	out, err := exec.Command("go", "build", "-o", h.binary, "github.com/parley-im/parley/cmd/parley").CombinedOutput()
	require.NoError(t, err, "%s", out)
	c := exec.Command(h.binary, "dev", "--http", "127.0.0.1:0", "--data", t.TempDir(), "--output", "json")
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	var log bytes.Buffer
	c.Stderr = &log
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil || t.Failed() {
			t.Logf("parley dev: %v\n%s", err, log.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(line), &h.Ready))
	token, code := h.tool(t, "token", "ann", "--data", h.Data)
	require.Zero(t, code, token)
	h.token = strings.TrimSpace(token)
	return h
}

// say lets Ann say something to Bob, and answers the device and number of the command.
func (h *house) say(t *testing.T, text string) (device string, seq uint64) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/v1/conversations/ann/bob/messages",
		strings.NewReader(fmt.Sprintf(`{"text":%q}`, text)))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+h.token)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var said struct {
		DeviceID  string `json:"device_id"`
		ClientSeq uint64 `json:"client_seq"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&said))
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return said.DeviceID, said.ClientSeq
}

// env is the environment of tools that look at the house.
func (h *house) env() []string {
	return append(os.Environ(), "PARLEY_BROKERS="+h.Kafka, "PARLEY_REDIS="+h.Redis, "PARLEY_DATA="+h.Data, "PARLEY_DOCUMENTS=pebble",
		"PARLEY_QUERY="+h.Query)
}

// tool runs a command of the binary with the settings of the house and returns what it printed and how it ended.
func (h *house) tool(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	c := exec.Command(h.binary, args...)
	c.Env = h.env()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return stdout.String() + stderr.String(), c.ProcessState.ExitCode()
}

// audited is what parley verify prints as JSON, as far as is asked here.
type audited struct {
	Clean  bool
	Topics []struct {
		Topic   string
		Through []int64 `json:"verified_through"`
	}
	Counts struct {
		Records         int64
		Verified        int64 `json:"verified_outputs"`
		PendingCommands int64 `json:"pending_commands"`
		Unseen          int64 `json:"unseen_outputs"`
		Violations      map[string]int64
		First           []struct {
			Law, Topic, Key, Says string
			Offset                int64
		} `json:"first_violations"`
	}
}

// verify runs parley verify until nothing is pending.
func (h *house) verify(t *testing.T, args ...string) (a audited, code int) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		var out string
		out, code = h.tool(t, append([]string{"verify", "--output", "json"}, args...)...)
		require.NotEqual(t, 1, code, out)
		a = audited{}
		require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&a), out)
		if a.Counts.PendingCommands == 0 && a.Counts.Unseen == 0 {
			return a, code
		}
	}
	require.FailNow(t, "something stays pending", "%+v", a)
	return a, code
}

func TestTools(t *testing.T) {
	h := live(t)
	for i := range 5 {
		h.say(t, fmt.Sprint("number ", i))
	}
	clean, code := h.verify(t)
	require.Zero(t, code)
	require.True(t, clean.Clean)
	require.Len(t, clean.Topics, len(topology.House().Topics)+len(topology.House().Groups))
	require.Greater(t, clean.Counts.Verified, int64(60))

	device, seq := h.say(t, "one more")
	more, code := h.verify(t)
	require.Zero(t, code)
	require.Greater(t, more.Counts.Verified, clean.Counts.Verified, "it goes on where it was")
	anew, code := h.verify(t, "--from-start")
	require.Zero(t, code)
	require.Equal(t, anew.Counts.Verified, more.Counts.Verified, "and has counted everything once")

	out, code := h.tool(t, "verify", "--views")
	require.Zero(t, code, out)
	require.Contains(t, out, "equals the fold of the log")
	require.Regexp(t, `view/people +4 keys`, out, "the documents are asked for through the query service")

	out, code = h.tool(t, "views", "list")
	require.Zero(t, code, out)
	require.Regexp(t, `inbox +1 +read +\d+`, out)
	require.Regexp(t, `history +\? +.*not open`, out, "the folder belongs to the process that runs")

	explains(t, h, device, seq)
	states(t, h, device, seq)
	follows(t, h)
	replays(t, h)
	tampered(t, h, "bob")
	forgedRows(t, h)
	skippedInput(t, h)
}

// explains asks for the story of Ann's last command.
func explains(t *testing.T, h *house, device string, seq uint64) {
	command := fmt.Sprintf("ann/%s/%d", device, seq)
	out, code := h.tool(t, "explain", command)
	require.Zero(t, code, out)
	for _, said := range []string{"OUTBOX processed", "CONVERSATION processed", "INBOX processed", "row before", "row after", "conversation.events/",
		"sealed with", "Redis holds it as", "delivered to", "ann", "bob", "ann/bob"} {
		require.Contains(t, out, said)
	}
	require.NotContains(t, out, "one more", "what is sealed stays sealed")
	require.NotContains(t, out, "NOT IN THE LOG")
	out, code = h.tool(t, "explain", command, "--output", "json")
	require.Zero(t, code, out)
	var told struct {
		First struct {
			At   string
			Said []struct {
				At   string
				Said []struct{ At string }
			}
		}
		Deliveries []struct{ User, At string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told), out)
	require.Len(t, told.Deliveries, 2)
	require.Len(t, told.First.Said[0].Said, 3)
	out, code = h.tool(t, "explain", told.Deliveries[0].At)
	require.Zero(t, code, out)
	require.Contains(t, out, "because of "+told.First.At)

	out, code = h.tool(t, "explain", "ann/"+device+"/4711")
	require.Equal(t, 1, code)
	require.Contains(t, out, "never reached the log")
	out, code = h.tool(t, "explain", "nonsense.events/0@1")
	require.Equal(t, 1, code)
	require.Contains(t, out, "topics are outbox.commands")
}

// states asks for rows as they are and were.
func states(t *testing.T, h *house, device string, seq uint64) {
	row := func(args ...string) uint64 {
		out, code := h.tool(t, append([]string{"state", "outbox", "ann", "--output", "json"}, args...)...)
		require.Zero(t, code, out)
		var shown struct {
			Source string
			Row    struct {
				Outbox struct {
					Devices []struct {
						DeviceID  string `json:"deviceId"`
						ClientSeq uint64 `json:"clientSeq,string"`
					}
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(out), &shown), out)
		require.Contains(t, shown.Source, "folded again")
		highest := uint64(0)
		for _, d := range shown.Row.Outbox.Devices {
			if d.DeviceID == device {
				highest = d.ClientSeq
			}
		}
		return highest
	}
	require.Equal(t, seq, row())
	require.Zero(t, row("--at", "0"))
	require.Zero(t, row("--at", "2020-01-01T00:00:00Z"))
	require.Equal(t, seq, row("--at", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))

	out, code := h.tool(t, "state", "nothing", "ann")
	require.Equal(t, 1, code)
	require.Contains(t, out, "there are outbox, conversation, inbox, bookmark, account")
}

// tampered writes into an inbox what nobody of the house said, and is found out, by whoever watches and by whoever looks.
func tampered(t *testing.T, h *house, victim string) {
	admin, err := endpoint.Free("127.0.0.1:0")
	require.NoError(t, err)
	watcher := exec.Command(h.binary, "verify", "--follow", "--output", "json", "--admin", admin, "--state", t.TempDir(),
		"--every", "0")
	watcher.Env = h.env()
	lines, err := watcher.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, watcher.Start())
	defer func() { _ = watcher.Process.Kill() }()

	at := h.forge(t, victim)
	var told struct {
		Law, Topic, Key string
		Offset          int64
	}
	want := told
	want.Law, want.Topic, want.Key, want.Offset = "foreign", "inbox.events", victim, at
	line, err := bufio.NewReader(lines).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(line), &told))
	require.Equal(t, want, told)
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + admin + "/metrics")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		metrics, err := io.ReadAll(answer.Body)
		return err == nil && strings.Contains(string(metrics), `parley_audit_violations_total{law="foreign"} 1`) &&
			strings.Contains(string(metrics), fmt.Sprintf("parley_audit_verified_offset{partition=\"%d\",topic=\"inbox.events\"} %d",
				topology.PartitionOf(victim, dev.Partitions), at+1))
	}, patience, 100*time.Millisecond)
	require.NoError(t, watcher.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, lines)
	_ = watcher.Wait()
	require.Equal(t, 2, watcher.ProcessState.ExitCode())

	found, code := h.verify(t)
	require.Equal(t, 2, code)
	require.False(t, found.Clean)
	require.EqualValues(t, map[string]int64{"foreign": 1}, found.Counts.Violations)
	out, code := h.tool(t, "verify")
	require.Equal(t, 2, code, "the log does not change, and neither does the verdict")
	require.Contains(t, out, "VIOLATED foreign inbox.events/")
}

// forge writes an event into an inbox and answers its offset.
func (h *house) forge(t *testing.T, victim string) int64 {
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	value, err := (&pb.InboxEvent{InboxSeq: 4711, Epoch: 1}).MarshalVT()
	require.NoError(t, err)
	written := client.ProduceSync(t.Context(), &kgo.Record{Topic: "inbox.events", Key: []byte(victim), Value: value,
		Partition: topology.PartitionOf(victim, dev.Partitions)})
	require.NoError(t, written.FirstErr())
	return written[0].Record.Offset
}

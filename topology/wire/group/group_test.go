// A group on an in-process Kafka, with a counter for a machine.

package group

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/logtest"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// runner runs a group in the background, as a process would.
type runner struct {
	cancel context.CancelFunc
	ended  chan error
	exits  chan error
	ready  chan []int32

	mu    sync.Mutex
	owned []int32
}

func (r *runner) partitions() []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owned
}

func start(t testing.TB, cfg Config) *runner {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{cancel: cancel, ended: make(chan error, 1), exits: make(chan error, 1), ready: make(chan []int32, 100)}
	cfg.Exit = func(err error) { r.exits <- err }
	cfg.Owned = func(p []int32) {
		r.mu.Lock()
		r.owned = p
		r.mu.Unlock()
		if p != nil {
			r.ready <- p
		}
	}
	if cfg.Log == nil {
		cfg.Log = wiretest.Log(t)
	}
	go func() { r.ended <- Run(ctx, cfg) }()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *runner) stop(t testing.TB) error {
	r.cancel()
	return r.wait(t)
}

func (r *runner) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(wiretest.Timeout):
		t.Fatal("the group did not end")
		return nil
	}
}

func (r *runner) awaitReady(t testing.TB) []int32 {
	t.Helper()
	select {
	case p := <-r.ready:
		return p
	case err := <-r.ended:
		r.ended <- err
		t.Fatalf("the group ended: %v", err)
	case <-time.After(wiretest.Timeout):
		t.Fatal("the group did not get ready")
	}
	return nil
}

// deployment is a log, and what tests need to run the counter on it.
type deployment struct{ *logtest.Log }

func newDeployment(t testing.TB, partitions int32) *deployment {
	return &deployment{logtest.New(t, partitions)}
}

func joinDeployment(t testing.TB, plan topology.Plan, brokers []string) *deployment {
	return &deployment{logtest.Join(t, plan, brokers)}
}

func (h *deployment) config(dir string) Config {
	return Config{Plan: h.Plan, Machine: wiretest.Counter(), Settings: Settings{
		Cluster: h.Cluster, Dir: dir, SessionTimeout: 2 * time.Second, DrainLimit: 2 * time.Second,
	}}
}

func TestGroupFoldsEveryCommandOnce(t *testing.T) {
	h := newDeployment(t, 4)
	r := start(t, h.config(t.TempDir()))
	require.Equal(t, []int32{0, 1, 2, 3}, r.awaitReady(t))
	h.Send(2000, 50)
	history := h.Whole()
	require.Zero(t, history.Repeats)
	require.NoError(t, r.stop(t))
	require.Empty(t, r.exits)
}

func TestOutputsCarryCauseAndPassedHeadersInOrder(t *testing.T) {
	h := newDeployment(t, 4)
	start(t, h.config(t.TempDir())).awaitReady(t)
	headers := []topology.Header{
		{Key: "other", Value: []byte("stays behind")},
		{Key: topology.HeaderTrace, Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
		{Key: topology.HeaderLane, Value: []byte("blue")},
		{Key: topology.HeaderCorrelation, Value: []byte("0123456789abcdef")},
	}
	placed := make(chan produce.Position, 1)
	require.NoError(t, h.Emitter.Emit(wiretest.Commands, "ann/x", []byte(logtest.Command(0)), headers, func(p produce.Position, err error) { placed <- p }))
	h.Sent = 1
	h.Whole()
	at := <-placed
	require.Equal(t, topology.PartitionOf("ann/x", 4), at.Partition)
	events := h.Read(wiretest.Events)
	require.Len(t, events, 2)
	for _, e := range events {
		cause, err := topology.UnpackCause(e.Get(topology.HeaderCause))
		require.NoError(t, err)
		index := uint32(0)
		if e.Key == wiretest.Mirror("ann/x") {
			index = 1
		}
		require.Equal(t, topology.Cause{Epoch: 7, Group: 9, Partition: at.Partition, Offset: at.Offset, Index: index}, cause)
		require.Equal(t, topology.PartitionOf(e.Key, 4), e.Partition)
		require.Equal(t, []string{topology.HeaderCause, topology.HeaderCorrelation, topology.HeaderLane, topology.HeaderTrace}, headerNames(e))
	}
}

func headerNames(r topology.Record) []string {
	var names []string
	for _, h := range r.Headers {
		names = append(names, h.Key)
	}
	return names
}

func TestRestartGoesOn(t *testing.T) {
	for name, keep := range map[string]bool{"with its store": true, "without its store": false} {
		t.Run(name, func(t *testing.T) {
			h := newDeployment(t, 4)
			dir := t.TempDir()
			for range 3 {
				r := start(t, h.config(dir))
				r.awaitReady(t)
				h.Send(300, 20)
				h.Whole()
				require.NoError(t, r.stop(t))
				if !keep {
					require.NoError(t, os.RemoveAll(dir))
				}
			}
			require.Zero(t, h.History().Repeats, "a clean stop commits everything")
			h.tableIsWhole()
		})
	}
}

// tableIsWhole waits for the rows of all commands, which travel behind the events, and compares the last of every key.
func (h *deployment) tableIsWhole() {
	h.T.Helper()
	last := map[string]topology.Record{}
	for _, r := range h.Read(wiretest.Commands) {
		last[r.Key] = r
	}
	rows := h.rows()
	for end := time.Now().Add(wiretest.Timeout); behind(rows, last) && time.Now().Before(end); rows = h.rows() {
		time.Sleep(10 * time.Millisecond)
	}
	require.ElementsMatch(h.T, slices.Collect(maps.Keys(last)), slices.Collect(maps.Keys(rows)))
	for key, r := range rows {
		n, err := topology.Through(r.Value)
		require.NoError(h.T, err)
		require.Equal(h.T, last[key].Offset+1, n)
		require.Equal(h.T, last[key].Partition, r.Partition)
	}
}

// rows are the last of every key in the changelog.
func (h *deployment) rows() map[string]topology.Record {
	rows := map[string]topology.Record{}
	for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
		if !law.IsMark(&r) {
			rows[r.Key] = r
			require.Len(h.T, r.Get(topology.HeaderGeneration), 8)
		}
	}
	return rows
}

// behind tells whether some row does not contain the last command of its key yet.
func behind(rows, last map[string]topology.Record) bool {
	for key, r := range last {
		if n, err := topology.Through(rows[key].Value); err != nil || n <= r.Offset {
			return true
		}
	}
	return false
}

func TestTwoMembersShareAndTakeOver(t *testing.T) {
	h := newDeployment(t, 4)
	one := start(t, h.config(t.TempDir()))
	one.awaitReady(t)
	h.Send(500, 40)
	two := start(t, h.config(t.TempDir()))
	two.awaitReady(t)
	one.awaitReady(t)
	h.Send(500, 40)
	require.Eventually(t, func() bool { return len(one.partitions()) == 2 && len(two.partitions()) == 2 }, wiretest.Timeout, 10*time.Millisecond)
	h.Whole()
	begin := time.Now()
	require.NoError(t, one.stop(t))
	require.Eventually(t, func() bool { return len(two.partitions()) == 4 }, wiretest.Timeout, 5*time.Millisecond)
	t.Logf("the other had all partitions %v after the first began to stop", time.Since(begin).Round(time.Millisecond))
	h.Send(500, 40)
	h.Whole()
	h.tableIsWhole()
}

func TestMissingTopicNamesTheCommand(t *testing.T) {
	h := newDeployment(t, 4)
	cfg := h.config(t.TempDir())
	cfg.Machine.Group.Output = []string{"nowhere.events"}
	err := Run(t.Context(), cfg)
	require.ErrorIs(t, err, cluster.ErrTopicMissing)
	require.ErrorContains(t, err, "parley topology apply")
	cfg = h.config(t.TempDir())
	cfg.Plan.Partitions = 8
	require.ErrorIs(t, Run(t.Context(), cfg), cluster.ErrTopicMissing)
}

func TestDeadLetterOfNoValueHasARow(t *testing.T) {
	h := newDeployment(t, 4)
	start(t, h.config(t.TempDir())).awaitReady(t)
	require.NoError(t, h.Emitter.Emit(wiretest.Commands, "ann", nil, nil, nil))
	require.NoError(t, h.Emitter.Emit(wiretest.Commands, "", nil, nil, nil))
	require.Eventually(t, func() bool { return len(h.Read(topology.DeadLetters)) == 2 }, wiretest.Timeout, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		rows := 0
		for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
			if !law.IsMark(&r) {
				rows++
			}
		}
		return rows == 2
	}, wiretest.Timeout, 20*time.Millisecond)
}

func TestRulesChangeInMidStream(t *testing.T) {
	h := newDeployment(t, 4)
	dir := t.TempDir()
	r := start(t, h.config(dir))
	r.awaitReady(t)
	h.Send(100, 10)
	for p := range h.Plan.Partitions {
		require.NoError(t, h.Emitter.EmitTo(wiretest.Commands, p, topology.RulesKey, wiretest.Activate(2), nil, nil))
	}
	h.Send(100, 10)
	h.Whole()
	require.NoError(t, r.stop(t))
	require.NoError(t, os.RemoveAll(dir)) // the rules come back from the changelog
	r = start(t, h.config(dir))
	r.awaitReady(t)
	h.Send(100, 10)
	h.Whole()
	active := map[int32]int64{}
	for _, c := range h.Read(wiretest.Commands) {
		if c.Key == topology.RulesKey {
			active[c.Partition] = c.Offset
		}
	}
	require.Len(t, active, 4)
	for _, e := range h.Read(wiretest.Events) {
		cause, err := topology.UnpackCause(e.Get(topology.HeaderCause))
		require.NoError(t, err)
		event, err := wiretest.ParseEvent(e.Value)
		require.NoError(t, err)
		want := uint64(1)
		if cause.Offset > active[cause.Partition] {
			want = 2
		}
		require.Equal(t, want, event.Rules)
	}
	require.NoError(t, h.Emitter.EmitTo(wiretest.Commands, 1, topology.RulesKey, wiretest.Activate(99), nil, nil))
	h.Send(100, 10)
	err := r.wait(t)
	require.ErrorIs(t, err, cluster.ErrAlarm)
	require.ErrorContains(t, err, "rules 99")
	require.True(t, errors.Is(<-r.exits, cluster.ErrAlarm))
}

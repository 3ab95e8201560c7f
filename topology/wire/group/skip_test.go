// Inputs at which one owner's machine panics: the skip stands in the changelog before its dead letter.

package group

import (
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// flawed is a machine that folds, and one build of it panics at every input of a key.
func flawed(panics bool) topology.Machine {
	m := wiretest.Counter()
	fold := m.Fold
	m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		detail := in.Panic
		if panics && in.Key == flawedKey {
			detail = "oh"
		}
		if detail == "" {
			return fold(rules, row, in)
		}
		poison := *in
		poison.Value = nil
		next, out := fold(rules, row, &poison)
		if next != nil {
			out = []topology.Output{{Topic: topology.DeadLetters, Key: in.Key, Value: []byte(detail)}}
			if in.Panic == "" {
				out[0].Panic = detail
			}
		}
		return next, out
	}
	return m
}

const flawedKey = "bomb/x"

func (h *deployment) bomb() {
	h.T.Helper()
	done := make(chan error, 1)
	require.NoError(h.T, h.Emitter.Emit(wiretest.Commands, flawedKey, []byte("boom"), nil, func(_ produce.Position, err error) { done <- err }))
	require.NoError(h.T, <-done)
}

// emitted counts what is emitted because of the bomb.
func (h *deployment) emitted() (events, letters int) {
	for _, r := range h.Read(wiretest.Events) {
		if r.Key == flawedKey {
			events++
		}
	}
	return events, len(h.Read(topology.DeadLetters))
}

func TestPanicIsOnRecordBeforeItsLetter(t *testing.T) {
	plan := wiretest.Plan(1, 1)
	k := wiretest.Kafka(t, plan)
	h := joinDeployment(t, plan, k.ListenAddrs())
	run := func(panics bool) *runner {
		cfg := h.config(t.TempDir())
		cfg.Machine = flawed(panics)
		r := start(t, cfg)
		r.awaitReady(t)
		return r
	}
	var on atomic.Bool
	on.Store(true)
	refuse(k, topology.DeadLetters, kerr.MessageTooLarge, &on)
	r := run(true)
	h.bomb()
	require.Error(t, r.wait(t), "it dies before its letter is there")
	on.Store(false)
	events, letters := h.emitted()
	require.Zero(t, events+letters)
	r = run(false)
	h.Await("the letter", func() bool { _, letters = h.emitted(); return letters == 1 })
	events, _ = h.emitted()
	require.Zero(t, events, "what is skipped is skipped by all")
	h.bomb()
	h.Await("the next one's event", func() bool { events, letters = h.emitted(); return events == 1 })
	require.Equal(t, 1, letters, "it does not panic itself")
	require.NoError(t, r.stop(t))
	for _, r := range h.Read(plan.Table(wiretest.GroupOf)) {
		if strings.Contains(r.Key, "skip/") {
			require.True(t, law.IsMark(&r), "it is no row")
		}
	}
}

func TestPanicOfAnOwnerThatMayBeStaleIsNotSaid(t *testing.T) {
	h := newDeployment(t, 1)
	run := func(panics bool) *runner {
		cfg := h.config(t.TempDir())
		cfg.Machine = flawed(panics)
		r := start(t, cfg)
		r.awaitReady(t)
		return r
	}
	r := run(true)
	h.succeed(law.Rank{Era: 0, Generation: 1000})
	h.bomb()
	require.Error(t, r.wait(t), "a successor may fold the input")
	events, letters := h.emitted()
	require.Zero(t, events+letters)
	r = run(false)
	h.Await("the event", func() bool { events, letters = h.emitted(); return events == 1 })
	require.Zero(t, letters)
	require.NoError(t, r.stop(t))
}

// succeed appends a takeover of some rank to the changelog, with all that the first one says otherwise.
func (h *deployment) succeed(as law.Rank) {
	h.T.Helper()
	var first *topology.Record
	for _, r := range h.Read(h.Plan.Table(wiretest.GroupOf)) {
		if first == nil && law.IsMark(&r) && r.Value != nil {
			first = &r
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Cluster.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(h.T, err)
	defer client.Close()
	key := law.TakeoverKey("other" + string(binary.BigEndian.AppendUint32(nil, as.Generation)))
	r := &kgo.Record{Topic: first.Topic, Partition: first.Partition, Key: []byte(key), Value: first.Value,
		Headers: []kgo.RecordHeader{{Key: law.TakeoverHeaders(as)[0].Key, Value: as.Pack()}}}
	require.NoError(h.T, client.ProduceSync(h.T.Context(), r).FirstErr())
}

// A log with the counter's topics, and what tests need to write it and to read it.

// Package logtest is an in-process Kafka with the topics of wiretest's counter, for tests of followers and groups.
package logtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/read"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// Log is a Kafka with the topics of a plan.
type Log struct {
	T       testing.TB
	Plan    topology.Plan
	Cluster cluster.Config
	Emitter *produce.Emitter
	Sent    int // commands
}

// New starts a Kafka.
func New(t testing.TB, partitions int32) *Log {
	plan := wiretest.Plan(partitions, 1)
	return Join(t, plan, wiretest.Kafka(t, plan).ListenAddrs())
}

// Join uses a Kafka that is there.
func Join(t testing.TB, plan topology.Plan, brokers []string) *Log {
	l := &Log{T: t, Plan: plan, Cluster: cluster.Config{Brokers: brokers}}
	var err error
	l.Emitter, err = produce.NewEmitter(produce.EmitterConfig{Cluster: l.Cluster, Plan: plan, Name: "test", Log: wiretest.Log(t)})
	require.NoError(t, err)
	t.Cleanup(func() { l.Emitter.Close(time.Second) })
	return l
}

// Command is the n-th command.
func Command(n int) string { return fmt.Sprintf("command-%06d", n) }

// Send sends commands to some keys and waits until Kafka has them.
func (l *Log) Send(n, keys int) {
	l.T.Helper()
	var wait sync.WaitGroup
	for range n {
		wait.Add(1)
		headers := []topology.Header{{Key: topology.HeaderCorrelation, Value: []byte(Command(l.Sent))}}
		err := l.Emitter.Emit(wiretest.Commands, fmt.Sprintf("user%d/x", l.Sent%keys), []byte(Command(l.Sent)), headers, func(_ produce.Position, err error) {
			if err != nil {
				l.T.Error(err)
			}
			wait.Done()
		})
		require.NoError(l.T, err)
		l.Sent++
	}
	wait.Wait()
}

// Read reads all that a topic holds.
func (l *Log) Read(topic string) []topology.Record {
	l.T.Helper()
	var list []topology.Record
	require.NoError(l.T, read.Topic(l.T.Context(), l.Cluster, topic, func(r *topology.Record) error {
		list = append(list, *r)
		return nil
	}))
	return list
}

// History reads the counter's events so far.
func (l *Log) History() *wiretest.History {
	l.T.Helper()
	history := wiretest.NewHistory()
	require.NoError(l.T, read.Topic(l.T.Context(), l.Cluster, wiretest.Events, history.Take))
	return history
}

// Whole waits until every command has its outcomes, and checks them.
func (l *Log) Whole() *wiretest.History {
	l.T.Helper()
	var history *wiretest.History
	require.Eventually(l.T, func() bool {
		history = l.History()
		return history.Missing(l.Sent, Command) == 0
	}, wiretest.Timeout, 50*time.Millisecond, "commands without exactly two outcomes")
	require.Empty(l.T, history.Faults())
	return history
}

// Await waits for a condition.
func (l *Log) Await(what string, condition func() bool) {
	l.T.Helper()
	require.Eventually(l.T, condition, wiretest.Timeout, 10*time.Millisecond, what)
}

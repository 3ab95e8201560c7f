// The emitter never blocks, and reports what it knows of every record.

package produce

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

func TestEmitterOverloadNeverBlocksAndLosesNothing(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	kafka := wiretest.Kafka(t, plan)
	var hold atomic.Bool
	hold.Store(true)
	kafka.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		kafka.SleepControl(func() {
			for hold.Load() {
				time.Sleep(time.Millisecond)
			}
		})
		return nil, nil, false
	})
	e, err := NewEmitter(EmitterConfig{Cluster: cluster.Config{Brokers: kafka.ListenAddrs()}, Plan: plan, Name: "test", MaxRecords: 10, Lane: "blue"})
	require.NoError(t, err)
	var placed, overloaded atomic.Int64
	for range 25 {
		err := e.Emit(wiretest.Commands, "ann", []byte("x"), nil, func(_ Position, err error) {
			if err == nil {
				placed.Add(1)
			}
		})
		if errors.Is(err, ErrOverloaded) {
			overloaded.Add(1)
		} else {
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, 15, overloaded.Load())
	hold.Store(false)
	require.NoError(t, e.Close(wiretest.Timeout))
	require.EqualValues(t, 10, placed.Load())
	require.ErrorIs(t, e.Emit(wiretest.Commands, "ann", nil, nil, nil), ErrClosed)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.ListenAddrs()...), kgo.ConsumeTopics(wiretest.Commands), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(t.Context(), wiretest.Commands)
	require.NoError(t, err)
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	require.EqualValues(t, 10, total)
	for n := 0; n < 10; {
		fetches := client.PollFetches(t.Context())
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			require.Contains(t, r.Headers, kgo.RecordHeader{Key: topology.HeaderLane, Value: []byte("blue")})
			n++
		})
	}
}

func TestEmitterBoundsBytes(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	kafka := wiretest.Kafka(t, plan)
	e, err := NewEmitter(EmitterConfig{Cluster: cluster.Config{Brokers: kafka.ListenAddrs()}, Plan: plan, Name: "test", MaxBytes: 100_000})
	require.NoError(t, err)
	defer e.Close(time.Second)
	require.ErrorIs(t, e.Emit(wiretest.Commands, "ann", make([]byte, 200_000), nil, nil), ErrOverloaded)
}

func TestEmitterSaysWhenNobodyKnows(t *testing.T) {
	plan := wiretest.Plan(2, 1)
	kafka := wiretest.Kafka(t, plan)
	kafka.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		return nil, errors.New("the connection breaks"), true
	})
	e, err := NewEmitter(EmitterConfig{Cluster: cluster.Config{Brokers: kafka.ListenAddrs()}, Plan: plan, Name: "test", Deadline: 500 * time.Millisecond, Log: wiretest.Log(t)})
	require.NoError(t, err)
	defer e.Close(time.Second)
	answers := make(chan error, 2)
	require.NoError(t, e.Emit(wiretest.Commands, "ann", []byte("x"), nil, func(_ Position, err error) { answers <- err }))
	var failure *DeliveryError
	require.ErrorAs(t, <-answers, &failure)
	require.True(t, failure.MaybeInLog)
	err = e.EmitTo(wiretest.Commands, 77, "ann", []byte("x"), nil, nil)
	require.ErrorAs(t, err, &failure)
	require.False(t, failure.MaybeInLog)
	err = e.Emit(wiretest.Commands, "ann", []byte(strings.Repeat("x", 2<<20)), nil, nil)
	require.ErrorAs(t, err, &failure)
	require.False(t, failure.MaybeInLog)
}

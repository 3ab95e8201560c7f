// The gateways' producer: it never blocks, and tells what it knows; and trace context in headers.

package wire

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.opentelemetry.io/otel/trace"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/read"
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
		err := e.Emit(wiretest.Commands, "ann", []byte("x"), nil, func(_ Placed, err error) {
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
	require.NoError(t, e.Close(testPatience))
	require.EqualValues(t, 10, placed.Load())
	require.ErrorIs(t, e.Emit(wiretest.Commands, "ann", nil, nil, nil), ErrClosed)
	n := 0
	require.NoError(t, read.Topic(t.Context(), cluster.Config{Brokers: kafka.ListenAddrs()}, wiretest.Commands, func(r *topology.Record) error {
		require.Equal(t, "blue", string(r.Get(topology.HeaderLane)))
		n++
		return nil
	}))
	require.Equal(t, 10, n)
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
	e, err := NewEmitter(EmitterConfig{Cluster: cluster.Config{Brokers: kafka.ListenAddrs()}, Plan: plan, Name: "test", Deadline: 500 * time.Millisecond, Log: testLog(t)})
	require.NoError(t, err)
	defer e.Close(time.Second)
	answers := make(chan error, 2)
	require.NoError(t, e.Emit(wiretest.Commands, "ann", []byte("x"), nil, func(_ Placed, err error) { answers <- err }))
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

func TestTraceContextTravelsInHeaders(t *testing.T) {
	id, _ := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	span, _ := trace.SpanIDFromHex("b7ad6b7169203331")
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: trace.FlagsSampled}))
	headers := Inject(ctx, []topology.Header{{Key: topology.HeaderCorrelation, Value: []byte("c")}})
	require.Equal(t, []topology.Header{
		{Key: topology.HeaderCorrelation, Value: []byte("c")},
		{Key: topology.HeaderTrace, Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
	}, headers)
	back := trace.SpanContextFromContext(Extract(context.Background(), headers))
	require.True(t, back.IsRemote())
	require.Equal(t, id, back.TraceID())
	require.Empty(t, Inject(context.Background(), nil))
}

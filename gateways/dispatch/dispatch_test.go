// The dispatcher over real streams: who hears what, who is cut, and what a gateway may not ask.

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/cloudwego/kitex/client"
	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/pushservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const patience = 20 * time.Second

// oneOrTwo puts keys that begin with "b" into partition 2 and all others into 1.
func oneOrTwo(key string) int32 {
	if key[0] == 'b' {
		return 2
	}
	return 1
}

func owning(partitions ...int32) []*pb.OwnedPartition {
	var out []*pb.OwnedPartition
	for _, p := range partitions {
		out = append(out, &pb.OwnedPartition{Topic: session.InboxEvents, Partition: p})
	}
	return out
}

// start serves a dispatcher on loopback and gives a way to attach to it.
func start(t *testing.T) (*Dispatcher, func() pushservice.PushService_AttachClient) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := New(Config{Partition: oneOrTwo})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-served) })
	return d, func() pushservice.PushService_AttachClient {
		rpc, err := pushservice.NewClient("parley.dispatch", client.WithHostPorts(listener.Addr().String()))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		stream, err := rpc.Attach(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(ctx, &pb.GatewaySaid{Word: &pb.GatewaySaid_Hello{Hello: &pb.GatewayHello{GatewayId: "g1"}}}))
		return stream
	}
}

func subscribe(keys ...string) *pb.GatewaySaid {
	subs := new(pb.Subscribe)
	for _, key := range keys {
		subs.Subscriptions = append(subs.Subscriptions, &pb.Subscription{Topic: session.InboxEvents, Key: key})
	}
	return &pb.GatewaySaid{Word: &pb.GatewaySaid_Subscribe{Subscribe: subs}}
}

func record(key string, offset int64) *pb.PushedRecord {
	return &pb.PushedRecord{Topic: session.InboxEvents, Key: key, Partition: oneOrTwo(key), Offset: offset, Value: []byte(fmt.Sprint(offset))}
}

// hear takes what the dispatcher says until it fits.
func hear(t *testing.T, stream pushservice.PushService_AttachClient, fits func(*pb.DispatcherSaid) bool) *pb.DispatcherSaid {
	t.Helper()
	for {
		said, err := stream.Recv(t.Context())
		require.NoError(t, err)
		if fits(said) {
			return said
		}
	}
}

func subscribed(said *pb.DispatcherSaid) bool { return said.GetSubscribed() != nil }

func TestSubscribersHearTheirKeysInOrder(t *testing.T) {
	d, attach := start(t)
	d.Own(owning(1))
	ann := attach()
	owned := hear(t, ann, func(s *pb.DispatcherSaid) bool { return s.GetOwned() != nil })
	require.Len(t, owned.GetOwned().Partitions, 1)
	require.NoError(t, ann.Send(t.Context(), subscribe("ann", "bob")))
	confirmed := hear(t, ann, subscribed).GetSubscribed().Subscriptions
	require.Len(t, confirmed, 1, "bob's partition is somebody else's")
	require.Equal(t, "ann", confirmed[0].Key)

	const n = 5_000
	for i := range int64(n) {
		d.Push([]*pb.PushedRecord{record("ann", i), record("cyd", i), record("bob", i)})
	}
	for next := int64(0); next < n; {
		for _, r := range hear(t, ann, func(s *pb.DispatcherSaid) bool { return s.GetRecords() != nil }).GetRecords().Records {
			require.Equal(t, "ann", r.Key)
			require.Equal(t, next, r.Offset)
			next++
		}
	}

	require.NoError(t, ann.Send(t.Context(), &pb.GatewaySaid{Word: &pb.GatewaySaid_Unsubscribe{Unsubscribe: &pb.Unsubscribe{
		Subscriptions: []*pb.Subscription{{Topic: session.InboxEvents, Key: "ann"}}}}}))
	require.Eventually(t, func() bool { _, subs := d.Count(); return subs == 0 }, patience, time.Millisecond)
}

func TestEveryChangeOfOwnershipIsSaid(t *testing.T) {
	d, attach := start(t)
	stream := attach()
	require.Eventually(t, func() bool { gateways, _ := d.Count(); return gateways == 1 }, patience, time.Millisecond)
	d.Own(owning(1))
	d.Own(owning()) // lost, and back: records in between went elsewhere, so both must be heard
	d.Own(owning(1))
	for _, want := range []int{0, 1, 0, 1} {
		said := hear(t, stream, func(*pb.DispatcherSaid) bool { return true })
		require.Len(t, said.GetOwned().GetPartitions(), want)
	}
}

func TestWhispersReachTheGatewaysOfAPerson(t *testing.T) {
	d, attach := start(t)
	d.Own(owning(1, 2))
	ann, bob := attach(), attach()
	require.NoError(t, bob.Send(t.Context(), subscribe("bob")))
	hear(t, bob, subscribed)
	whisper := func(frame []byte) {
		require.NoError(t, ann.Send(t.Context(), &pb.GatewaySaid{Word: &pb.GatewaySaid_Whisper{Whisper: &pb.Whisper{User: "bob", Frame: frame}}}))
	}
	whisper(make([]byte, session.MaxWhisper+1)) // too long: dropped
	whisper([]byte("hello"))
	said := hear(t, bob, func(s *pb.DispatcherSaid) bool { return s.GetWhisper() != nil })
	require.Equal(t, []byte("hello"), said.GetWhisper().Frame)
}

func TestSlowGatewayIsCutAndOthersDoNotWait(t *testing.T) {
	d, attach := start(t)
	d.Own(owning(1))
	slow, quick := attach(), attach()
	require.NoError(t, slow.Send(t.Context(), subscribe("ann")))
	require.NoError(t, quick.Send(t.Context(), subscribe("cyd")))
	hear(t, slow, subscribed)
	hear(t, quick, subscribed)
	value := make([]byte, 64<<10)
	for i := 0; ; i++ { // slow takes nothing more: the window fills, then the queue
		d.Push([]*pb.PushedRecord{{Topic: session.InboxEvents, Key: "ann", Partition: 1, Value: value}})
		if gateways, _ := d.Count(); gateways == 1 {
			break
		}
		require.Less(t, i, 100_000, "the slow gateway was never cut")
	}
	d.Push([]*pb.PushedRecord{record("cyd", 1)})
	require.Len(t, hear(t, quick, func(s *pb.DispatcherSaid) bool { return s.GetRecords() != nil }).GetRecords().Records, 1)
	for {
		if _, err := slow.Recv(t.Context()); err != nil {
			require.False(t, errors.Is(err, context.DeadlineExceeded), "cut, not forgotten")
			break
		}
	}
}

func TestTooManySubscriptionsAtOnceEndTheStream(t *testing.T) {
	d, attach := start(t)
	d.Own(owning(1))
	stream := attach()
	keys := make([]string, MaxAtOnce+1)
	for i := range keys {
		keys[i] = fmt.Sprint("u", i)
	}
	require.NoError(t, stream.Send(t.Context(), subscribe(keys...)))
	for {
		if _, err := stream.Recv(t.Context()); err != nil {
			break
		}
	}
	require.Eventually(t, func() bool { gateways, subs := d.Count(); return gateways == 0 && subs == 0 }, patience, time.Millisecond)
}

// A gateway asks again for what it has when a partition comes back, and several may want one key.
func TestAKeyIsToldOnceToEachHoweverOftenItIsAsked(t *testing.T) {
	d, attach := start(t)
	d.Own(owning(1))
	twice, other := attach(), attach()
	for _, gateway := range []pushservice.PushService_AttachClient{twice, twice, other} {
		require.NoError(t, gateway.Send(t.Context(), subscribe("ann")))
		hear(t, gateway, subscribed)
	}
	_, subs := d.Count()
	require.Equal(t, 1, subs)
	told := func(gateway pushservice.PushService_AttachClient) *pb.Records {
		return hear(t, gateway, func(s *pb.DispatcherSaid) bool { return s.GetRecords() != nil }).GetRecords()
	}
	d.Push([]*pb.PushedRecord{record("ann", 1)})
	require.Len(t, told(twice).Records, 1)
	require.Len(t, told(other).Records, 1)

	require.NoError(t, twice.Send(t.Context(), &pb.GatewaySaid{Word: &pb.GatewaySaid_Unsubscribe{Unsubscribe: &pb.Unsubscribe{
		Subscriptions: []*pb.Subscription{{Topic: session.InboxEvents, Key: "ann"}}}}}))
	require.NoError(t, twice.Send(t.Context(), subscribe("cyd"))) // its confirmation is behind
	hear(t, twice, subscribed)
	d.Push([]*pb.PushedRecord{record("ann", 2), record("cyd", 3)})
	require.EqualValues(t, 3, told(twice).Records[0].Offset)
	require.EqualValues(t, 2, told(other).Records[0].Offset)
}

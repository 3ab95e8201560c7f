// What one message to a group costs in the doors: the events of all its members' inboxes come from the dispatcher, and each
// leaves over a socket.

package gateways

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/push"
	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const benchMembers = 100 // of a group, all of them here

// BenchmarkGroup pushes a message to the members of a group, partition by partition as a follower has them, and waits until
// each of their sockets had it.
func BenchmarkGroup(b *testing.B) {
	for name, subprotocol := range map[string]string{"json": "parley.v1.json", "proto": "parley.v1.proto"} {
		b.Run(name, func(b *testing.B) { benchGroup(b, subprotocol) })
	}
}

func benchGroup(b *testing.B, subprotocol string) {
	h := newHouseOn(b, new(push.Loopback), func(cfg *Config) { cfg.Limits.EntersPerAddress = benchRate })
	members, heard := make([]string, benchMembers), make(chan struct{}, benchMembers)
	for i := range members {
		members[i] = fmt.Sprintf("member%d", i)
		h.listen(members[i], subprotocol, heard)
	}
	h.subscribed(members...)
	for range members { // their welcomes
		<-heard
	}
	key, err := seal.NewRing(h.keys, 0).Sealer(context.Background(), members[0])
	require.NoError(b, err)
	body, err := key.Seal(strings.Repeat("x", benchBytes))
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	before := used()
	for n := range b.N {
		event := &pb.InboxEvent{InboxSeq: uint64(n + 1), Epoch: 1, TimeMs: 8, Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{
			Conversation: "g-bench/main", Event: &pb.ConversationEvent{Seq: uint64(n + 1), Number: uint64(n + 1), TimeMs: 7,
				Origin: &pb.Origin{User: members[0], DeviceId: "phone", ClientSeq: uint64(n + 1)},
				Word:   &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: body}}}}}}
		value, err := event.MarshalVT()
		require.NoError(b, err)
		batches := map[int32][]topology.Record{}
		for _, member := range members {
			p := topology.PartitionOf(member, partitions)
			batches[p] = append(batches[p], topology.Record{Topic: session.InboxEvents, Key: member, Partition: p, Value: value})
		}
		for _, batch := range batches {
			h.Push(batch)
		}
		for range members {
			<-heard
		}
	}
	b.ReportMetric(float64(used()-before)/float64(b.N*benchMembers), "cpu-ns/delivery")
}

// listen connects somebody who counts frames and reads none, so that the client costs little.
func (h *house) listen(user, subprotocol string, heard chan<- struct{}) {
	socket, kind := h.dialFor(subprotocol, nil).socket, websocket.BinaryMessage
	hello, err := proto.Marshal(h.hello(user, "phone", &pb.Cursor{}))
	if subprotocol == "parley.v1.json" {
		kind = websocket.TextMessage
		hello, err = protojson.Marshal(h.hello(user, "phone", &pb.Cursor{}))
	}
	require.NoError(h.t, err)
	require.NoError(h.t, socket.WriteMessage(kind, hello))
	go func() {
		for in := bufio.NewReader(socket.NetConn()); skipFrame(in) == nil; {
			heard <- struct{}{}
		}
	}()
}

// skipFrame passes one frame of a server by.
func skipFrame(in *bufio.Reader) error {
	head, err := in.Peek(4)
	if err != nil {
		return err
	}
	const len16 = 126
	size := 2 + int(head[1])
	if head[1] == len16 {
		size = 4 + int(binary.BigEndian.Uint16(head[2:]))
	}
	_, err = in.Discard(size)
	return err
}

// What one message costs in a session: a step, and encoding what is sent because of it.

package session

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const benchNow = 1_000_000 // milliseconds since 1970

// benchText is 200 bytes, as the price of a message is told for.
var benchText = strings.Repeat("x", 200)

// openSession is a session of ann whose client has everything up to number 10.
func openSession(b *testing.B) *Session {
	s := New(Config{ID: "s", Verify: verifyPlain}, benchNow)
	cursor := &pb.Cursor{InboxSeq: 10, Epoch: 1}
	hello := &pb.Hello{Token: "ann:99999999999", DeviceId: "phone", Cursor: cursor}
	for next := []Input{Received{Frame: &pb.ClientFrame{Id: 1, Word: &pb.ClientFrame_Hello{Hello: hello}}}}; len(next) > 0; next = next[1:] {
		ready := s.Step(benchNow, next[0])
		for _, sub := range ready.Subscribe {
			next = append(next, Subscribed{Subscription: sub})
		}
		for _, ask := range ready.Ask {
			answered := Answered{ID: ask.ID, Open: plainOpener{}}
			switch ask.Query.(type) {
			case *pb.HeadQuery:
				answered.Answer = &pb.HeadAnswer{Heads: []*pb.Cursor{cursor}}
			case *pb.DifferenceQuery:
				answered.Answer = &pb.DifferenceAnswer{Head: cursor}
			}
			next = append(next, answered)
		}
	}
	require.Equal(b, open, s.phase)
	return s
}

func benchFrame(number uint64) *pb.ClientFrame {
	return &pb.ClientFrame{Id: number, Word: &pb.ClientFrame_Send{Send: &pb.Send{
		ClientSeq: number, Conversation: "ann/bob", Word: &pb.Send_Text{Text: &pb.SendText{Text: benchText}}}}}
}

func benchEvent(b *testing.B, number uint64) *pb.InboxEvent {
	body, err := plainSealer{}.Seal(benchText)
	require.NoError(b, err)
	return &pb.InboxEvent{InboxSeq: number, Epoch: 1, TimeMs: benchNow, Word: &pb.InboxEvent_Conversation{Conversation: &pb.ConversationSaid{
		Conversation: "ann/bob", Event: &pb.ConversationEvent{Seq: number, Number: number, TimeMs: benchNow,
			Origin: &pb.Origin{User: "bob", DeviceId: "laptop", ClientSeq: number},
			Word:   &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: body}}},
	}}}
}

// BenchmarkSend steps a session with a message of its client, and with the log's answer.
func BenchmarkSend(b *testing.B) {
	s, number := openSession(b), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		number++
		ready := s.Step(benchNow, Received{Frame: benchFrame(number), Seal: plainSealer{}})
		if len(ready.Produce) != 1 {
			b.Fatalf("%d commands: %v", len(ready.Produce), ready.Frames)
		}
		if ready = s.Step(benchNow, Acked{ID: ready.Produce[0].ID}); len(ready.Frames) != 1 || ready.Frames[0].GetAccepted() == nil {
			b.Fatalf("the client was told %v", ready.Frames)
		}
	}
}

// BenchmarkPush steps a session with an event of its inbox, and writes what the client is told.
func BenchmarkPush(b *testing.B) {
	for name, format := range map[string]translate.Format{"json": translate.JSON, "proto": translate.Protobuf} {
		b.Run(name, func(b *testing.B) {
			s, number := openSession(b), uint64(10)
			event := benchEvent(b, number)
			b.ReportAllocs()
			for b.Loop() {
				number++
				event.InboxSeq = number
				ready := s.Step(benchNow, Pushed{Key: "ann", Inbox: []*pb.InboxEvent{event}, Open: plainOpener{}})
				if len(ready.Frames) != 1 || ready.Frames[0].GetEvents() == nil {
					b.Fatalf("the client was told %v", ready.Frames)
				}
				if _, err := format.Append(nil, ready.Frames[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

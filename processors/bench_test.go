// What the fold of one message costs in each machine.

package processors

import (
	"fmt"
	"testing"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// BenchmarkFold folds what one SendMessage of 200 bytes brings to each machine.
func BenchmarkFold(b *testing.B) {
	chat := "ann/bob"
	members := func(n int) *pb.ConversationRow {
		row := &pb.ConversationRow{Kind: pb.Kind_KIND_GROUP, Seq: 40_000, Number: 39_000}
		for i := range n {
			row.Members = append(row.Members, &pb.Member{User: fmt.Sprintf("u%07d", i), Role: pb.Role_ROLE_MEMBER, SinceSeq: 1})
		}
		return row
	}
	row := func(row *pb.Row) []byte {
		row.Through, row.TimeMs, row.Rules = 1, begin, 1
		return encode(row)
	}
	var heard []byte // by a person who is told things by conversations of every partition
	for p := range house.Partitions {
		heard, _ = advance(heard, topology.Cause{Group: 2, Partition: p, Offset: 1 << 20})
	}
	message := say("u0000000", 200)
	said := &pb.InboxCommand{Word: &pb.InboxCommand_Conversation{Conversation: &pb.ConversationSaid{
		Conversation: chat, Event: &pb.ConversationEvent{Seq: 9, Number: 8, TimeMs: begin, Origin: message.Origin,
			Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{Body: message.GetRequest().GetSendMessage().Body}}},
	}}}
	asked := message.GetRequest().CloneVT()
	asked.Conversation = chat
	for _, c := range []struct {
		name, group, key string
		word             encodable
		row              []byte
		says             int
	}{
		{"outbox", "outbox", "ann",
			&pb.OutboxCommand{DeviceId: "phone", ClientSeq: 8, Word: &pb.OutboxCommand_Conversation{Conversation: asked}},
			row(&pb.Row{State: &pb.Row_Outbox{Outbox: &pb.OutboxRow{Devices: []*pb.OutboxDevice{{DeviceId: "phone", ClientSeq: 7}}}}}), 1},
		{"conversation-2", "conversation", "g-hike/main", message, row(&pb.Row{State: &pb.Row_Conversation{Conversation: members(2)}}), 3},
		{"conversation-64", "conversation", "g-hike/main", message, row(&pb.Row{State: &pb.Row_Conversation{Conversation: members(64)}}), 65},
		{"conversation-100", "conversation", "g-hike/main", message, row(&pb.Row{State: &pb.Row_Conversation{Conversation: members(100)}}), 101},
		{"inbox", "inbox", "ann", said, row(&pb.Row{State: &pb.Row_Inbox{Inbox: &pb.InboxRow{InboxSeq: 7, Epoch: 1}}}), 1},
		{"inbox-known", "inbox", "ann", said, row(&pb.Row{Sources: heard, State: &pb.Row_Inbox{Inbox: &pb.InboxRow{InboxSeq: 7, Epoch: 1}}}), 1},
		{"bookmark", "bookmark", "ann/" + chat,
			&pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{Seen: &pb.Seen{Marks: &pb.Marks{Read: 9}}}},
			row(&pb.Row{State: &pb.Row_Bookmark{Bookmark: &pb.BookmarkRow{Marks: &pb.Marks{Read: 8}}}}), 3},
		{"account", "account", "ann",
			&pb.AccountCommand{Word: &pb.AccountCommand_SetPresence{SetPresence: &pb.SetPresence{SessionId: "s", UntilMs: begin + 90_000}}},
			row(&pb.Row{State: &pb.Row_Account{Account: &pb.AccountRow{Exists: true}}}), 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := hall(b, c.group)
			writer := map[string]uint16{"outbox": 5, "conversation": 1, "inbox": 2, "account": 1}[c.group]
			in := input(m, 1, c.key, c.word)
			if writer != 0 && c.group != "outbox" {
				caused(in, topology.Cause{Epoch: 1, Group: writer, Partition: 40, Offset: 1 << 21})
			}
			b.ReportAllocs()
			for b.Loop() {
				next, out := m.fold(1, c.row, in)
				if next == nil || len(out) != c.says {
					b.Fatalf("%d outputs, want %d", len(out), c.says)
				}
			}
		})
	}
}

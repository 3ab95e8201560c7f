// Any bytes at all, in a record or in a row.

package processors

import (
	"bytes"
	"testing"
	"time"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// FuzzFold: whatever bytes stand in a record or in a row, the fold never panics but with Damage (for a row that is none),
// and gives the same twice.
func FuzzFold(f *testing.F) {
	chat := "ann/bob"
	word := &pb.OutboxCommand{DeviceId: "phone", ClientSeq: 1, Word: &pb.OutboxCommand_Conversation{
		Conversation: say("ann", 16).GetRequest()}}
	seen := &pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{Seen: &pb.Seen{Marks: &pb.Marks{Read: 1}}}}
	ask := &pb.AccountCommand{Word: &pb.AccountCommand_AskJoin{AskJoin: &pb.AskJoin{Conversation: chat, By: "bob"}}}
	cause := topology.Cause{Epoch: 1, Group: 2, Offset: 5}.Pack()
	direct := encode(&pb.Row{Through: 1, TimeMs: begin, State: &pb.Row_Conversation{Conversation: &pb.ConversationRow{
		Kind: pb.Kind_KIND_DIRECT, Members: []*pb.Member{{User: "ann"}, {User: "bob"}}}}})
	f.Add(uint8(0), "ann", encode(word), []byte(nil), []byte(nil), int64(begin))
	f.Add(uint8(1), chat, encode(say("ann", 16)), topology.Cause{Epoch: 1, Group: 1}.Pack(), direct, int64(begin))
	f.Add(uint8(2), "ann", encode(refusal(1)), cause, []byte(nil), int64(begin))
	f.Add(uint8(3), "ann/"+chat, encode(seen), []byte(nil), []byte(nil), int64(0))
	f.Add(uint8(4), "ann", encode(ask), cause, []byte{0xff}, int64(-1))
	f.Add(uint8(4), topology.RulesKey, []byte{0x72, 2, 8, 2}, []byte{}, []byte{}, int64(1<<62))
	f.Fuzz(func(t *testing.T, group uint8, key string, value, cause, row []byte, at int64) {
		m := bind(house, house.Groups[int(group)%len(house.Groups)])
		in := &topology.Record{
			Topic: m.group.Input, Partition: 1, Offset: 10, Key: key, Value: value, Time: time.UnixMilli(at),
			Headers: []topology.Header{{Key: topology.HeaderCause, Value: cause}},
		}
		if len(row) == 0 {
			row = nil
		}
		next, out, damaged := m.try(row, in)
		next2, out2, damaged2 := m.try(row, in)
		if damaged != damaged2 || !bytes.Equal(next, next2) || !same(out, out2) {
			t.Fatal("the same record gives something else")
		}
		if damaged && row == nil {
			t.Fatal("a record alone must never stop a partition")
		}
		if next == nil {
			return
		}
		if again, out, damaged := m.try(next, in); damaged || again != nil || len(out) > 0 {
			t.Fatal("a record counts twice")
		}
	})
}

// try folds and reports whether the fold stopped because of a damaged row.
func (m *bound) try(row []byte, in *topology.Record) (next []byte, out []topology.Output, damaged bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, damaged = p.(Damage); !damaged {
				panic(p)
			}
		}
	}()
	next, out = m.fold(1, row, in)
	return next, out, false
}

// How an inbox numbers words.

package inbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestDecide(t *testing.T) {
	said := &pb.InboxCommand{Word: &pb.InboxCommand_Conversation{Conversation: &pb.ConversationSaid{
		Conversation: "ann/bob", Event: &pb.ConversationEvent{Seq: 3, Word: &pb.ConversationEvent_MemberLeft{
			MemberLeft: &pb.MemberLeft{User: "bob"},
		}},
	}}}
	account := &pb.InboxCommand{Word: &pb.InboxCommand_Account{Account: &pb.AccountSaid{
		Event: &pb.AccountEvent{Version: 2},
	}}}
	receipt := &pb.InboxCommand{Word: &pb.InboxCommand_Receipt{Receipt: &pb.ReceiptSaid{
		Conversation: "ann/bob", User: "bob", Marks: &pb.Marks{Read: 1, Delivered: 1},
	}}}
	refused := &pb.InboxCommand{Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{
		Reason: pb.Reason_REASON_BLOCKED,
	}}}
	for _, c := range []struct {
		name  string
		row   *pb.InboxRow
		in    *pb.InboxCommand
		epoch uint64
		want  string
	}{
		{"the first word", nil, said, 1, "ConversationSaid{conversation ann/bob, event MemberLeft{user bob} (seq 3)} (inbox_seq 1, epoch 1, time 5)"},
		{"the next word", &pb.InboxRow{InboxSeq: 41, Epoch: 1}, account, 1, "AccountSaid{event AccountEvent{version 2}} (inbox_seq 42, epoch 1, time 5)"},
		{"another epoch begins anew", &pb.InboxRow{InboxSeq: 41, Epoch: 1}, receipt, 2, "ReceiptSaid{conversation ann/bob, user bob, marks Marks{delivered 1, read 1}} (inbox_seq 1, epoch 2, time 5)"},
		{"a refusal", &pb.InboxRow{InboxSeq: 1, Epoch: 2}, refused, 2, "CommandRefused{reason BLOCKED} (inbox_seq 2, epoch 2, time 5)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := Decide(c.row, c.in, machine.Stamp{Key: "ann", TimeMs: 5, Epoch: c.epoch})
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Len(t, d.Outputs, 1)
			require.Equal(t, "ann", d.Outputs[0].Key)
			require.Equal(t, c.want, transcript.Printer{}.Line(d.Outputs[0].Message))
			row := Machine.Apply(c.row, d.Events[0])
			require.Equal(t, d.Events[0].(numbered).InboxSeq, row.InboxSeq)
			require.Equal(t, c.epoch, row.Epoch)
		})
	}
}

func TestMalformed(t *testing.T) {
	word := &pb.InboxCommand{Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{}}}
	require.NotEmpty(t, Decide(nil, word, machine.Stamp{Key: "g-hike"}).Malformed)
	require.NotEmpty(t, Decide(nil, word, machine.Stamp{Key: "ann/bob"}).Malformed)
	require.NotEmpty(t, Decide(nil, &pb.InboxCommand{}, machine.Stamp{Key: "ann"}).Malformed)
}

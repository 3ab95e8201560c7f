// How an inbox numbers words.

package inbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/transcript"
	parleyv1 "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func TestDecide(t *testing.T) {
	said := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Conversation{Conversation: &parleyv1.ConversationSaid{
		Conversation: "ann/bob", Event: &parleyv1.ConversationEvent{Seq: 3, Word: &parleyv1.ConversationEvent_MemberLeft{
			MemberLeft: &parleyv1.MemberLeft{User: "bob"},
		}},
	}}}
	account := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Account{Account: &parleyv1.AccountSaid{
		Event: &parleyv1.AccountEvent{Version: 2},
	}}}
	receipt := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Receipt{Receipt: &parleyv1.ReceiptSaid{
		Conversation: "ann/bob", User: "bob", Marks: &parleyv1.Marks{Read: 1, Delivered: 1},
	}}}
	refused := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Refused{Refused: &parleyv1.CommandRefused{
		Reason: parleyv1.Reason_REASON_BLOCKED,
	}}}
	for _, c := range []struct {
		name  string
		row   *parleyv1.InboxRow
		in    *parleyv1.InboxCommand
		epoch uint64
		want  string
	}{
		{"the first word", nil, said, 1, "ConversationSaid{conversation ann/bob, event MemberLeft{user bob} (seq 3)} (inbox_seq 1, epoch 1, time 5)"},
		{"the next word", &parleyv1.InboxRow{InboxSeq: 41, Epoch: 1}, account, 1, "AccountSaid{event AccountEvent{version 2}} (inbox_seq 42, epoch 1, time 5)"},
		{"another epoch begins anew", &parleyv1.InboxRow{InboxSeq: 41, Epoch: 1}, receipt, 2, "ReceiptSaid{conversation ann/bob, user bob, marks Marks{delivered 1, read 1}} (inbox_seq 1, epoch 2, time 5)"},
		{"a refusal", &parleyv1.InboxRow{InboxSeq: 1, Epoch: 2}, refused, 2, "CommandRefused{reason BLOCKED} (inbox_seq 2, epoch 2, time 5)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := Decide(c.row, c.in, Stamp{Key: "ann", TimeMs: 5, Epoch: c.epoch})
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Len(t, d.Outputs, 1)
			require.Equal(t, "ann", d.Outputs[0].Key)
			require.Equal(t, c.want, transcript.Printer{}.Line(d.Outputs[0].Message))
			row := Apply(c.row, d.Events[0])
			require.Equal(t, d.Events[0].Said.InboxSeq, row.InboxSeq)
			require.Equal(t, c.epoch, row.Epoch)
		})
	}
}

func TestMalformed(t *testing.T) {
	word := &parleyv1.InboxCommand{Word: &parleyv1.InboxCommand_Refused{Refused: &parleyv1.CommandRefused{}}}
	require.NotEmpty(t, Decide(nil, word, Stamp{Key: "g-hike"}).Malformed)
	require.NotEmpty(t, Decide(nil, word, Stamp{Key: "ann/bob"}).Malformed)
	require.NotEmpty(t, Decide(nil, &parleyv1.InboxCommand{}, Stamp{Key: "ann"}).Malformed)
}

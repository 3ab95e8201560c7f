// The frame: what it applies, and which handler a payload gets.

package machine

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// to is an event that sets a number.
type to uint64

func (n to) Apply(row *pb.InboxRow) { row.InboxSeq = uint64(n) }

func framed(d Decision[pb.InboxRow]) Frame[pb.InboxRow, *pb.InboxCommand] {
	return Frame[pb.InboxRow, *pb.InboxCommand]{
		Decode:  Decode[pb.InboxCommand],
		Payload: func(in *pb.InboxCommand) any { return in.Word },
		State:   (*pb.Row).GetInbox,
		Put:     func(row *pb.Row, state *pb.InboxRow) { row.State = &pb.Row_Inbox{Inbox: state} },
		Decide:  func(*pb.InboxRow, *pb.InboxCommand, Stamp) Decision[pb.InboxRow] { return d },
		Copy:    Clone[pb.InboxRow],
	}
}

func TestFrame(t *testing.T) {
	outputs := []Output{{Key: "ann", Message: &pb.InboxEvent{}}}
	for _, c := range []struct {
		name string
		made Decision[pb.InboxRow]
		want uint64 // in the row after
	}{
		{"events are applied in their order", Decision[pb.InboxRow]{Events: []Event[pb.InboxRow]{to(5), to(7)}, Outputs: outputs}, 7},
		{"outputs alone change nothing", Decision[pb.InboxRow]{Outputs: outputs}, 3},
		{"a repeat is not applied", Decision[pb.InboxRow]{Repeat: true, Events: []Event[pb.InboxRow]{to(5)}}, 3},
		{"what is malformed is not applied", Decision[pb.InboxRow]{Malformed: "why", Events: []Event[pb.InboxRow]{to(5)}}, 3},
	} {
		before := &pb.InboxRow{InboxSeq: 3}
		row := &pb.Row{State: &pb.Row_Inbox{Inbox: before}}
		r := framed(c.made).Fold(row, &pb.InboxCommand{}, Stamp{})
		require.Equal(t, c.want, row.GetInbox().InboxSeq, c.name)
		require.EqualValues(t, 3, before.InboxSeq, "%s: the state before was changed", c.name)
		require.Equal(t, Result{c.made.Repeat, c.made.Malformed, c.made.Outputs}, r, c.name)
	}
	f := framed(Decision[pb.InboxRow]{Events: []Event[pb.InboxRow]{to(1)}})
	fresh := &pb.Row{}
	require.False(t, f.Owns(fresh))
	f.Fold(fresh, &pb.InboxCommand{}, Stamp{})
	require.True(t, f.Owns(fresh))
	require.False(t, f.Owns(&pb.Row{State: &pb.Row_Outbox{Outbox: &pb.OutboxRow{}}}))
	require.False(t, f.Known(&pb.InboxCommand{}))
	require.True(t, f.Known(&pb.InboxCommand{Word: &pb.InboxCommand_Receipt{}}))
	_, err := f.Open([]byte{0xff})
	require.Error(t, err)
}

func TestHandlers(t *testing.T) {
	handlers := Handlers[int, string]{
		On(func(in int, p *pb.Seen) string { return "seen" }),
		On(func(in int, p *pb.Marks) string { return "marks" }),
	}
	got, ok := handlers.Handle(0, &pb.Marks{})
	require.True(t, ok)
	require.Equal(t, "marks", got)
	_, ok = handlers.Handle(0, &pb.Ask{})
	require.False(t, ok)
	_, ok = handlers.Handle(0, nil)
	require.False(t, ok)
}

// What a bookmark says to each mark, and that marks are maxima in any order.

package bookmark

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

func seen(delivered, read uint64) *pb.BookmarkCommand {
	return &pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{
		Seen: &pb.Seen{Marks: &pb.Marks{Delivered: delivered, Read: read}},
	}}
}

func words(d decision) (lines []string) {
	for _, o := range d.Outputs {
		lines = append(lines, o.Key+" "+transcript.Printer{}.Line(o.Message))
	}
	return lines
}

func TestDecide(t *testing.T) {
	direct := name.Bookmark("ann", name.Direct("ann", "bob"))
	group := "ann/g-hike/main"
	row := &pb.BookmarkRow{Version: 4, Marks: &pb.Marks{Delivered: 9, Read: 5}}
	for _, c := range []struct {
		name string
		row  *pb.BookmarkRow
		key  string
		in   *pb.BookmarkCommand
		want []string
	}{
		{"the first marks of a direct conversation are told to both", nil, direct, seen(2, 0), []string{
			direct + " MarksRaised{marks Marks{delivered 2}} (version 1, time 7)",
			"ann ReceiptSaid{conversation ann/bob, user ann, marks Marks{delivered 2}}",
			"bob ReceiptSaid{conversation ann/bob, user ann, marks Marks{delivered 2}}",
		}},
		{"in a group one's own devices hear", row, group, seen(10, 0), []string{
			group + " MarksRaised{marks Marks{delivered 10, read 5}} (version 5, time 7)",
			"ann ReceiptSaid{conversation g-hike/main, user ann, marks Marks{delivered 10, read 5}}",
		}},
		{"who has read has received", row, group, seen(0, 12), []string{
			group + " MarksRaised{marks Marks{delivered 12, read 12}} (version 5, time 7)",
			"ann ReceiptSaid{conversation g-hike/main, user ann, marks Marks{delivered 12, read 12}}",
		}},
		{"the same again", row, group, seen(9, 5), nil},
		{"a late one", row, group, seen(3, 1), nil},
		{"no marks at all", row, group, &pb.BookmarkCommand{Word: &pb.BookmarkCommand_Seen{Seen: &pb.Seen{}}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := Decide(c.row, c.in, machine.Stamp{Key: c.key, TimeMs: 7})
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Empty(t, d.Malformed)
			require.Equal(t, c.want, words(d))
			require.Equal(t, c.want != nil, len(d.Events) == 1)
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, key := range []string{"ann", "ann/bob", "eve/ann/bob", "ann/ann/ann", "g-hike/g-hike/main", "ann/bob/ann", "bob/bob/ann/x"} {
		require.NotEmpty(t, Decide(nil, seen(1, 1), machine.Stamp{Key: key}).Malformed, key)
	}
	require.NotEmpty(t, Decide(nil, &pb.BookmarkCommand{}, machine.Stamp{Key: "ann/ann/bob"}).Malformed)
}

// Whatever comes in whatever order, how often it may be: the marks are the maximum, and read <= delivered.
func TestMarksAreMaximaInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var row *pb.BookmarkRow
		var delivered, read uint64
		for range rapid.IntRange(0, 20).Draw(t, "words") {
			d, r := rapid.Uint64Range(0, 9).Draw(t, "delivered"), rapid.Uint64Range(0, 9).Draw(t, "read")
			delivered, read = max(delivered, d, r), max(read, r)
			for _, e := range Decide(row, seen(d, r), machine.Stamp{Key: "ann/g-hike/main"}).Events {
				row = Machine.Apply(row, e)
			}
			if row.GetMarks().GetDelivered() != delivered || row.GetMarks().GetRead() != read {
				t.Fatalf("marks are %v, want %d and %d", row.GetMarks(), delivered, read)
			}
		}
	})
}

// What holds for every machine on every log: two owners, any cut, rewinds, the laws of a row.

package processors

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// table is a partition's table of rows, kept as bytes.
type table map[string][]byte

// run folds a record into a table.
func (m *bound) foldInto(rows table, in *topology.Record) ([]byte, []topology.Output) {
	next, out := m.fold(1, rows[in.Key], in)
	if next != nil {
		rows[in.Key] = next
	}
	return next, out
}

// each runs a property on every machine, on logs drawn at random.
func each(t *testing.T, property func(t *rapid.T, m *bound, log []*topology.Record)) {
	for _, group := range house.Groups {
		t.Run(group.Name, func(t *testing.T) {
			m := hall(t, group.Name)
			rapid.Check(t, func(t *rapid.T) { property(t, m, logOf(t, m)) })
		})
	}
}

func same(a, b []topology.Output) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Topic != b[i].Topic || a[i].Key != b[i].Key || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// Two owners fold the same log: rows and outputs are the same bytes.
func TestTwoOwnersSayTheSame(t *testing.T) {
	each(t, func(t *rapid.T, m *bound, log []*topology.Record) {
		one, other := table{}, table{}
		for _, in := range log {
			row, out := m.foldInto(one, in)
			row2, out2 := bind(house, m.group).foldInto(other, in)
			if !bytes.Equal(row, row2) || !same(out, out2) {
				t.Fatalf("offset %d: two owners differ", in.Offset)
			}
		}
	})
}

// A row may be written and read between any two records: the fold that keeps living rows says the same.
func TestAnyCutIsTheStraightFold(t *testing.T) {
	each(t, func(t *rapid.T, m *bound, log []*topology.Record) {
		rows, living := table{}, map[string]*pb.Row{}
		for _, in := range log {
			row, out := m.foldInto(rows, in)
			was := living[in.Key]
			before := was.CloneVT()
			next, livingOut := m.take(1, was, in)
			if !before.EqualVT(was) {
				t.Fatalf("offset %d: the row before was changed", in.Offset)
			}
			if (row == nil) != (next == nil) || !same(out, livingOut) {
				t.Fatalf("offset %d: a row that lives says something else", in.Offset)
			}
			if next != nil {
				living[in.Key] = next
				if !bytes.Equal(row, encode(next)) {
					t.Fatalf("offset %d: a row that lives is another\n%v\n%v", in.Offset, next, rows[in.Key])
				}
			}
		}
	})
}

// An owner that takes over folds again from any earlier offset: everything folded is dropped, and the rest goes on.
func TestRewindsChangeNothing(t *testing.T) {
	each(t, func(t *rapid.T, m *bound, log []*topology.Record) {
		straight, rewound := table{}, table{}
		for _, in := range log {
			m.foldInto(straight, in)
		}
		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		for _, in := range log[:cut] {
			m.foldInto(rewound, in)
		}
		back := rapid.IntRange(0, cut).Draw(t, "back")
		for _, in := range log[back:] {
			next, out := m.foldInto(rewound, in)
			if in.Offset < int64(cut) && (next != nil || len(out) > 0) {
				t.Fatalf("offset %d was folded before and is folded again", in.Offset)
			}
		}
		for key, row := range straight {
			if !bytes.Equal(row, rewound[key]) {
				t.Fatalf("the row of %q is another after a rewind to %d", key, back)
			}
		}
	})
}

// Every record folded twice at once counts once; and what is written obeys the laws of the log.
func TestLawsOfARow(t *testing.T) {
	each(t, func(t *rapid.T, m *bound, log []*topology.Record) {
		rows := table{}
		for _, in := range log {
			var was pb.Row
			_ = was.UnmarshalVT(rows[in.Key])
			met := rows[in.Key] != nil
			next, out := m.foldInto(rows, in)
			if next == nil {
				if len(out) > 0 {
					t.Fatalf("offset %d was dropped and says something", in.Offset)
				}
				continue
			}
			var row pb.Row
			if err := row.UnmarshalVT(next); err != nil {
				t.Fatal(err)
			}
			switch {
			case row.Through != in.Offset+1:
				t.Fatalf("through is %d behind offset %d", row.Through, in.Offset)
			case row.TimeMs < was.TimeMs || met && row.TimeMs > was.TimeMs+dayMs:
				t.Fatalf("time goes from %d to %d", was.TimeMs, row.TimeMs)
			case row.Rules != 1:
				t.Fatalf("rules are %d", row.Rules)
			}
			for _, o := range out {
				if o.Topic != topology.DeadLetters && m.topicOf(o) == "" {
					t.Fatalf("offset %d says %s, which the plan does not let %s say", in.Offset, o.Topic, m.group.Name)
				}
				if _, err := Decode(o.Topic, o.Value); err != nil {
					t.Fatal(err)
				}
			}
			if err := sorted(&row); err != nil {
				t.Fatal(err)
			}
			if again, more := m.foldInto(rows, in); again != nil || len(more) > 0 {
				t.Fatalf("offset %d counts twice", in.Offset)
			}
			if in.Get(topology.HeaderCause) != nil && in.Key != topology.RulesKey && !isMalformed(out) {
				moved := *in
				moved.Offset = 1000
				if again, more := m.fold(1, rows[in.Key], &moved); again != nil || len(more) > 0 {
					t.Fatalf("the cause of offset %d counts twice", in.Offset)
				}
			}
		}
	})
}

// isMalformed reports a dead letter of a record whose cause may never have been looked at.
func isMalformed(out []topology.Output) bool {
	if len(out) != 1 || out[0].Topic != topology.DeadLetters {
		return false
	}
	var letter pb.DeadLetter
	return letter.UnmarshalVT(out[0].Value) != nil || letter.Failing == pb.Failing_FAILING_MALFORMED_RECORD
}

// topicOf is the output's topic if the plan has it among the group's.
func (m *bound) topicOf(o topology.Output) string {
	for _, topic := range m.group.Output {
		if topic == o.Topic {
			return topic
		}
	}
	return ""
}

// sorted reports a list of a row that is not sorted, has something twice, or is beyond its limit.
func sorted(row *pb.Row) error {
	lists := map[string][]string{}
	for _, d := range row.GetOutbox().GetDevices() {
		lists["devices"] = append(lists["devices"], d.DeviceId)
	}
	owners := 0
	for _, m := range row.GetConversation().GetMembers() {
		lists["members"] = append(lists["members"], m.User)
		if m.Role == pb.Role_ROLE_OWNER {
			owners++
		}
	}
	if group := row.GetConversation().GetKind() == pb.Kind_KIND_GROUP; group && len(lists["members"]) > 0 && owners != 1 || !group && owners > 0 {
		return fmt.Errorf("%d owners of %v", owners, lists["members"])
	}
	for _, i := range row.GetConversation().GetInvitations() {
		lists["invitations"] = append(lists["invitations"], i.User)
	}
	for _, a := range row.GetConversation().GetAsks() {
		lists["asks"] = append(lists["asks"], a.User)
	}
	for _, l := range row.GetAccount().GetLeases() {
		lists["leases"] = append(lists["leases"], l.SessionId)
	}
	lists["blocks"], lists["blocked"] = row.GetConversation().GetBlocks(), row.GetAccount().GetBlocked()
	for name, list := range lists {
		for i := 1; i < len(list); i++ {
			if list[i-1] >= list[i] {
				return fmt.Errorf("%s are not sorted: %v", name, list)
			}
		}
		if len(list) > 64 {
			return fmt.Errorf("%d %s", len(list), name)
		}
	}
	return nil
}

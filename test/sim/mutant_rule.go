// Mutants of rules: what the machines of all processes would get wrong alike. The production fold agrees with them, so
// that only the naive model, and what people see, can find them.

package sim

import (
	"slices"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// variant is the machine that counts as right. No machine emits two records to one key today, so a check
// without output index would do no harm: the variant emits to every inbox twice.
func (w *World) variant(m machine) machine {
	fold := m.Fold
	switch {
	case w.broken(NoIndexInCheck) && m.Group.Name == "conversation":
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			next, out := fold(rules, row, in)
			for _, o := range slices.Clone(out) {
				if o.Topic == "inbox.commands" {
					out = append(out, o)
				}
			}
			return next, out
		}
	case w.broken(BlockForgotten) && m.Group.Name == "conversation":
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			return fold(rules, changed(row, func(r *pb.Row) { r.GetConversation().Blocks = nil }), in)
		}
	case w.broken(RemovedStaysMember) && m.Group.Name == "conversation":
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			next, out := fold(rules, row, in)
			return keepMembers(row, next, in), out
		}
	case w.broken(ClockBelieved) && m.Group.Name == "account":
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			return fold(rules, changed(row, func(r *pb.Row) { r.TimeMs = 0 }), in)
		}
	case w.broken(RefusalForgotten) && m.Group.Name == "conversation":
		m.Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			next, out := fold(rules, row, in)
			return w.forgetRefusal(row, next, out, in)
		}
	}
	return m
}

// forgetRefusal lets a row forget that it refused something, so that it is decided once more when it is delivered again. Refused
// again it is silent: only what the change of the state has made of it shows.
func (w *World) forgetRefusal(row, next []byte, out []topology.Output, in *topology.Record) ([]byte, []topology.Output) {
	cause := string(in.Get(topology.HeaderCause))
	if row == nil || cause == "" || len(out) == 0 || slices.ContainsFunc(out, func(o topology.Output) bool { return !isRefusal(o) }) {
		return next, out
	}
	first, known := w.refused[cause]
	if !known {
		first = in.Offset
		w.refused[cause] = first
	}
	if in.Offset > first {
		out = nil
	}
	return withThrough(row, in.Offset+1), out
}

func isRefusal(o topology.Output) bool {
	var c pb.InboxCommand
	return o.Topic == "inbox.commands" && c.UnmarshalVT(o.Value) == nil && c.GetRefused() != nil
}

// changed is a row with a change. A row of another kind, or none, is left alone.
func changed(row []byte, change func(*pb.Row)) []byte {
	var r pb.Row
	if row == nil || r.UnmarshalVT(row) != nil || r.GetConversation() == nil && r.GetAccount() == nil {
		return row
	}
	change(&r)
	return marshal(&r)
}

// keepMembers lets a removal be emitted and not be done.
func keepMembers(row, next []byte, in *topology.Record) []byte {
	var before pb.Row
	var c pb.ConversationCommand
	if next == nil || before.UnmarshalVT(row) != nil || c.UnmarshalVT(in.Value) != nil || c.GetRequest().GetRemoveMember() == nil {
		return next
	}
	return changed(next, func(r *pb.Row) { r.GetConversation().Members = before.GetConversation().GetMembers() })
}

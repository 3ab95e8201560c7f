// The fold: the one order in which every record of every group is processed.

package processors

import (
	"fmt"

	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// dayMs is how far a row's time may jump at one record, in milliseconds: a broker's clock that runs wild for a moment
// cannot spoil a row for years.
const dayMs = 24 * 60 * 60 * 1000

// Damage is what the fold panics with when it must not go on: the row is not what this group writes, or the rules are
// newer than the binary. No dead letter can mend that, and a row written now would hide it.
type Damage struct{ Detail string }

func (d Damage) Error() string { return d.Detail }

// fold is the group's topology.Fold.
func (b *bound) fold(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	if rules < 1 || rules > MaxRules {
		panic(Damage{fmt.Sprintf("rules %d are in force, but this binary knows 1 to %d: run a newer one", rules, MaxRules)})
	}
	var was pb.Row
	next, out := b.take(rules, b.decodeRow(&was, row, in.Key), in)
	if len(out) == 1 && out[0].Panic != "" { // perhaps half way through the row: it is made anew, and skips the record
		failed := *in
		failed.Panic = out[0].Panic
		next, _ = b.take(rules, b.decodeRow(&pb.Row{}, row, in.Key), &failed)
	}
	if next == nil {
		return nil, nil
	}
	return encode(next), out
}

// take folds one record into a row (nil = new) without changing it. It returns nil for a record that is dropped.
func (b *bound) take(rules uint32, was *pb.Row, in *topology.Record) (*pb.Row, []topology.Output) {
	if was != nil && in.Offset < was.Through {
		return nil, nil
	}
	next := &pb.Row{
		Through: in.Offset + 1, TimeMs: clock(was, in), Rules: rules, Sources: was.GetSources(), State: was.GetState(),
	}
	if detail := malformed(in); detail != "" {
		return next, b.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, detail)
	}
	if in.Key == topology.RulesKey {
		return b.takeRules(next, in)
	}
	cause, caused, detail := b.cause(in)
	if detail != "" {
		return next, b.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, detail)
	}
	if caused {
		var newer bool
		if next.Sources, newer = advance(next.Sources, cause); !newer {
			return nil, nil
		}
	}
	cmd, failing, detail := b.open(in)
	if failing != 0 {
		return next, b.letter(in, failing, detail)
	}
	if cmd.GetActivateRules() != nil {
		return next, b.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, "ActivateRules stands under the key "+topology.RulesKey+" alone")
	}
	return b.decide(next, cmd, in)
}

// clock is the row's time: the broker's, but never falling and never jumping.
func clock(was *pb.Row, in *topology.Record) int64 {
	at := max(in.Time.UnixMilli(), 0)
	if was.GetTimeMs() == 0 { // a new row, or one whose records had no time
		return at
	}
	return max(was.TimeMs, min(at, was.TimeMs+dayMs))
}

// malformed is why a record cannot be one, or "". No value and an empty one are the same, because not every client of Kafka
// tells them apart, and two owners must agree.
func malformed(in *topology.Record) string {
	switch {
	case in.Key == "":
		return "the record has no key"
	case len(in.Key) > topology.MaxKey:
		return fmt.Sprintf("the key is longer than %d bytes", topology.MaxKey)
	case len(in.Value) == 0:
		return "the record has no value"
	}
	return ""
}

// open decodes a command. The details name no library's error: its text may differ from version to version.
func (b *bound) open(in *topology.Record) (cmd machine.Command, failing pb.Failing, detail string) {
	cmd, err := b.machine.Open(in.Value)
	if err != nil {
		return nil, pb.Failing_FAILING_UNDECODABLE, "the value is not what " + b.group.Input + " holds"
	}
	if !b.machine.Known(cmd) {
		return nil, pb.Failing_FAILING_UNKNOWN_WORD, "the value has no word that these rules know"
	}
	return cmd, 0, ""
}

// decide lets the machine decide and checks what it made before anything is emitted: a panic or a record that is too large
// leaves the state as it was and becomes a dead letter.
func (b *bound) decide(next *pb.Row, cmd machine.Command, in *topology.Record) (*pb.Row, []topology.Output) {
	if in.Panic != "" {
		return next, b.letter(in, pb.Failing_FAILING_PANIC, in.Panic)
	}
	had := next.State
	r, out, err := b.run(next, cmd, in.Key)
	switch {
	case err != nil:
		next.State = had
		return next, b.failed(in, err)
	case r.Repeat:
		return nil, nil
	case r.Malformed != "":
		return next, b.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, r.Malformed)
	}
	return next, out
}

// run runs the machine on a row, whose state it replaces and does not change.
func (b *bound) run(row *pb.Row, cmd machine.Command, key string) (r machine.Result, out []topology.Output, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	r = b.machine.Fold(row, cmd, machine.Stamp{
		Rules: row.Rules, Key: key, TimeMs: row.TimeMs,
		Epoch: uint64(b.plan.Epoch), FanOut: b.plan.FanOut, Rate: int64(b.plan.CommandRate), Burst: int64(b.plan.CommandBurst),
	})
	if r.Repeat || r.Malformed != "" {
		return r, nil, nil
	}
	if out, err = b.outputs(r.Outputs); err != nil {
		return r, nil, err
	}
	if size := row.SizeVT(); size > topology.MaxValue {
		return r, nil, oversized{"the row", size}
	}
	return r, out, nil
}

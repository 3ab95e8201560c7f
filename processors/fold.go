// The fold: the one order in which every record of every group is taken.

package processors

import (
	"fmt"

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
func (m *machine) fold(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
	if rules < 1 || rules > MaxRules {
		panic(Damage{fmt.Sprintf("rules %d are in force, but this binary knows 1 to %d: run a newer one", rules, MaxRules)})
	}
	var was pb.Row
	next, out := m.take(rules, m.decodeRow(&was, row, in.Key), in)
	if len(out) == 1 && out[0].Panic != "" { // perhaps half way through the row: it is made anew, and takes the word for it
		failed := *in
		failed.Panic = out[0].Panic
		next, _ = m.take(rules, m.decodeRow(&pb.Row{}, row, in.Key), &failed)
	}
	if next == nil {
		return nil, nil
	}
	return encode(next), out
}

// take folds one record into a row (nil = never met) without changing it. It returns nil for a record that is dropped.
func (m *machine) take(rules uint32, was *pb.Row, in *topology.Record) (*pb.Row, []topology.Output) {
	if was != nil && in.Offset < was.Through {
		return nil, nil
	}
	next := &pb.Row{
		Through: in.Offset + 1, TimeMs: clock(was, in), Rules: rules, Sources: was.GetSources(), State: was.GetState(),
	}
	if detail := malformed(in); detail != "" {
		return next, m.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, detail)
	}
	if in.Key == topology.RulesKey {
		return m.takeRules(next, in)
	}
	cause, caused, detail := m.cause(in)
	if detail != "" {
		return next, m.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, detail)
	}
	if caused {
		var newer bool
		if next.Sources, newer = advance(next.Sources, cause); !newer {
			return nil, nil
		}
	}
	cmd, failing, detail := m.open(in)
	if failing != 0 {
		return next, m.letter(in, failing, detail)
	}
	if cmd.GetActivateRules() != nil {
		return next, m.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, "ActivateRules stands under the key "+topology.RulesKey+" alone")
	}
	return m.judge(next, cmd, in)
}

// clock is the row's time: the broker's, but never falling and never jumping.
func clock(was *pb.Row, in *topology.Record) int64 {
	at := max(in.Time.UnixMilli(), 0)
	if was.GetTimeMs() == 0 { // never met, or met at a time that was not told
		return at
	}
	return max(was.TimeMs, min(at, was.TimeMs+dayMs))
}

// malformed says why a record is none, or "". Nothing tells an absent value from an empty one, because not every client
// of Kafka does, and two owners must agree.
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

// open decodes a command. The details name no library's error: its words may differ from version to version.
func (m *machine) open(in *topology.Record) (cmd command, failing pb.Failing, detail string) {
	cmd = m.room.command()
	if err := cmd.UnmarshalVT(in.Value); err != nil {
		return nil, pb.Failing_FAILING_UNDECODABLE, "the value is not what " + m.group.Input + " holds"
	}
	if !cmd.known() {
		return nil, pb.Failing_FAILING_UNKNOWN_WORD, "the value has no word that these rules know"
	}
	return cmd, 0, ""
}

// judge lets the room decide and checks what it made before anything is said: a panic or a record that is too large
// leaves the state as it was and becomes a dead letter.
func (m *machine) judge(next *pb.Row, cmd command, in *topology.Record) (*pb.Row, []topology.Output) {
	if in.Panic != "" {
		return next, m.letter(in, pb.Failing_FAILING_PANIC, in.Panic)
	}
	had := next.State
	v, out, err := m.decide(next, cmd, in.Key)
	switch {
	case err != nil:
		next.State = had
		return next, m.failed(in, err)
	case v.repeat:
		return nil, nil
	case v.malformed != "":
		return next, m.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, v.malformed)
	}
	return next, out
}

// decide runs the room. Decide and Apply see the state itself and change nothing in it: Apply makes another.
func (m *machine) decide(row *pb.Row, cmd command, key string) (v verdict, out []topology.Output, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = wordsOf(p)
		}
	}()
	v = cmd.judge(row, stamp{rules: row.Rules, key: key, timeMs: row.TimeMs, plan: &m.plan})
	if v.repeat || v.malformed != "" {
		return v, nil, nil
	}
	if out, err = m.say(v.outputs); err != nil {
		return v, nil, err
	}
	if v.apply != nil {
		v.apply(row)
	}
	if size := row.SizeVT(); size > topology.MaxValue {
		return v, nil, oversized{"the row", size}
	}
	return v, out, nil
}

// say encodes what a room says and finds its topics in the plan.
func (m *machine) say(words []said) ([]topology.Output, error) {
	out := make([]topology.Output, len(words))
	for i, w := range words {
		o := &out[i]
		o.Key = w.Key
		if i > 0 && w.Message == words[i-1].Message { // what many are told is encoded once
			o.Topic, o.Value = out[i-1].Topic, out[i-1].Value
		} else {
			name, ok := w.Message.ProtoReflect().Descriptor().Name(), false
			if o.Topic, ok = m.topics[name]; !ok {
				return nil, fmt.Errorf("group %s says a %s, but the plan gives it no such topic", m.group.Name, name)
			}
			o.Value = encode(w.Message.(encodable))
		}
		if len(o.Value) > topology.MaxValue || len(o.Key) > topology.MaxKey {
			return nil, oversized{"a record for " + o.Topic, len(o.Value)}
		}
	}
	return out, nil
}

// decodeRow opens the row of a key; nil = never met. The fold lends it an empty one, which the heap need not know of.
func (m *machine) decodeRow(row *pb.Row, value []byte, key string) *pb.Row {
	if value == nil {
		return nil
	}
	err := row.UnmarshalVT(value)
	ours := row.State == nil || m.room.owns(row.State) || owns[*pb.Row_RulesRow](row.State) && key == topology.RulesKey
	if err != nil || !ours {
		panic(Damage{fmt.Sprintf("the row of %q in group %s is damaged or not of this group: wipe the local store and let it recover from the changelog", key, m.group.Name)})
	}
	return row
}

// encodable is a message that vtprotobuf generated. The schema has no maps, so its encoding is canonical.
type encodable interface{ MarshalVT() ([]byte, error) }

func encode(message encodable) []byte {
	value, err := message.MarshalVT()
	if err != nil { // vtprotobuf has no reason for one: the schema is proto3 and every message is made here
		panic(Damage{"a message cannot be encoded: " + err.Error()})
	}
	return value
}

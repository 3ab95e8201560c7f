// Poison: records that no gateway writes. Each must become one dead letter that has the reason, and nothing else may.

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/topology"
)

// venoms are the kinds of poison.
var venoms = []struct {
	what    string
	failing pb.Failing
	spoil   func(w *World, topic string, e *entry)
}{
	{"no value", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, _ string, e *entry) { e.Value = nil }},
	{"no key", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, _ string, e *entry) { e.Key = "" }},
	{"a key that is too long", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, _ string, e *entry) {
		e.Key = strings.Repeat("k", topology.MaxKey+1)
	}},
	{"undecodable", pb.Failing_FAILING_UNDECODABLE, func(*World, string, *entry) {}},
	{"a word of a newer schema", pb.Failing_FAILING_UNKNOWN_WORD, func(_ *World, _ string, e *entry) { e.Value = []byte{0xf8, 0x07, 0x01} }},
	{"a cause that is none", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, _ string, e *entry) {
		e.Headers = []topology.Header{{Key: topology.HeaderCause, Value: []byte("because")}}
	}},
	{"a cause of another house", pb.Failing_FAILING_MALFORMED_RECORD, func(w *World, _ string, e *entry) {
		c := topology.Cause{Epoch: w.plan.Epoch + 1, Group: 1}
		e.Headers = []topology.Header{{Key: topology.HeaderCause, Value: c.Pack()}}
	}},
	{"rules under the key of somebody", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, topic string, e *entry) { e.Value = activation(topic, 2) }},
	{"rules that fall", pb.Failing_FAILING_MALFORMED_RECORD, func(_ *World, topic string, e *entry) {
		e.Key, e.Value = topology.RulesKey, activation(topic, 1)
	}},
	{"a stranger under the key of the rules", pb.Failing_FAILING_UNDECODABLE, func(_ *World, _ string, e *entry) { e.Key = topology.RulesKey }},
}

// inputAt names an input.
type inputAt struct {
	topic     string
	partition int32
	offset    int64
}

// poison writes one record of a kind that is drawn.
func (w *World) poison() {
	venom := venoms[w.random.IntN(len(venoms))]
	topic := w.groups[w.random.IntN(len(w.groups))].real.Group.Input
	e := entry{}
	e.Key, e.Value = persons[w.random.IntN(len(persons))], []byte{0xff, 0xff, 0xff}
	venom.spoil(w, topic, &e)
	n := int32(w.random.IntN(partitions))
	w.note("poison for %s: %s", topic, venom.what)
	w.poisoned[inputAt{topic, n, w.append(topic, n, e)}] = venom.failing
}

// letters holds the dead letters against the poison.
func (n *naive) letters() {
	w := n.w
	found := map[inputAt]pb.Failing{}
	n.once(topology.DeadLetters, func(e *entry) {
		var l pb.DeadLetter
		if err := l.UnmarshalVT(e.Value); err != nil {
			panic(err)
		}
		at := inputAt{l.Topic, l.Partition, l.Offset}
		if _, ok := w.poisoned[at]; !ok || found[at] != 0 {
			w.damage(check.Phantom, fmt.Sprintf("a dead letter of %v", at), l.Failing.String()+": "+l.Detail, "none")
		}
		found[at] = l.Failing
	})
	for _, at := range slices.SortedFunc(maps.Keys(w.poisoned), func(a, b inputAt) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}) {
		w.damage(check.Lost, fmt.Sprintf("the dead letter of %v", at), found[at].String(), w.poisoned[at].String())
	}
}

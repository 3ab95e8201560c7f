// The proof: the log is folded again by the production machines, straight, and everything emitted and kept must be equal.

package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/parley-im/parley/test/check"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// straight is the fold of one partition of a group: its rows, when each key was last taken, and what was to be emitted.
type straight struct {
	rows     map[string][]byte
	taken    map[string][]int64 // key -> offsets of inputs that wrote its row, rising
	next     int64
	expected map[topology.Cause]*emitted
}

type emitted struct {
	topic, key string
	value      []byte
	met        bool
}

// foldStraight folds what stands in the input, going on from where it was folded before.
func (w *World) foldStraight(g *group, n int32) *straight {
	at := lineKey{g.name, string(rune('0' + n))}
	f := w.straights[at]
	input := w.log[g.real.Group.Input][n]
	if f == nil || f.next > input.end { // a mutant cut the log
		f = &straight{rows: map[string][]byte{}, taken: map[string][]int64{}, expected: map[topology.Cause]*emitted{}}
		w.straights[at] = f
	}
	for _, in := range input.from(f.next) {
		f.next = in.Offset + 1
		next, out, known := w.foldKnown(g, f, in)
		if !known {
			f.next = in.Offset
			break // nobody has folded it, and how it ends is not known
		}
		if next == nil {
			continue
		}
		f.rows[in.Key] = next
		f.taken[in.Key] = append(f.taken[in.Key], in.Offset)
		c := topology.Cause{Epoch: w.plan.Epoch, Group: g.real.Group.Number, Partition: n, Offset: in.Offset}
		for i, o := range out {
			c.Index = uint32(i)
			f.expected[c] = &emitted{topic: o.Topic, key: o.Key, value: o.Value}
		}
	}
	return f
}

// compare is damage with values that people cannot read.
func (w *World) compare(letter check.Letter, key, got, want string) {
	if got != want {
		w.damage(letter, key, fmt.Sprintf("%x", got), fmt.Sprintf("%x", want))
	}
}

// prove holds the log, the changelogs and the stores of the owners against the fold.
func (w *World) prove() {
	expected := map[topology.Cause]*emitted{}
	for _, g := range w.groups {
		for n := range int32(partitions) {
			f := w.foldStraight(g, n)
			maps.Copy(expected, f.expected)
			w.proveTable(g, n, f)
			w.proveStore(g, n, f)
		}
	}
	for _, t := range w.plan.Topics {
		for _, p := range w.log[t.Name] {
			for _, e := range p.entries {
				w.proveRecord(expected, e)
			}
		}
	}
	missing := 0
	for _, s := range expected {
		if !s.met {
			missing++
		}
	}
	w.damage(check.Lost, "outputs that the fold emits and nobody wrote", fmt.Sprint(missing), "0")
}

func (w *World) proveRecord(expected map[topology.Cause]*emitted, e *entry) {
	packed := e.Get(topology.HeaderCause)
	if packed == nil || w.poisoned[inputAt{e.Topic, e.Partition, e.Offset}] != 0 {
		return
	}
	c, err := topology.UnpackCause(packed)
	s := expected[c]
	at := fmt.Sprintf("%s/%d@%d", e.Topic, e.Partition, e.Offset)
	if err != nil || s == nil || s.topic != e.Topic || s.key != e.Key || !bytes.Equal(s.value, e.Value) {
		w.damage(check.State, at+fmt.Sprintf(" by %+v", c), "what the fold does not emit", "emitted by the fold")
		return
	}
	if s.met {
		w.result.Repeats++
	}
	s.met = true
}

// lastRows is the last record of each key in a changelog, and its living takeovers that count.
func (w *World) lastRows(g *group, n int32) (rows map[string]*entry, takeovers []int64) {
	rows = map[string]*entry{}
	living := map[string]law.Standing{}
	for _, e := range w.log[g.table][n].entries {
		switch {
		case !e.table.Mark:
			rows[e.Key] = e
		case e.Value == nil:
			delete(living, e.Key)
		case e.table.Skip == law.Skip{}:
			living[e.Key] = law.Standing{Offset: e.Offset, Rank: e.table.Rank}
		}
	}
	return rows, law.Walls(living, law.Broken{})
}

// stateOf is a row without the position that a rewrite may raise.
func stateOf(row []byte) string { return string(withThrough(row, 0)) }

func (w *World) proveTable(g *group, n int32, f *straight) {
	rows, _ := w.lastRows(g, n)
	for _, key := range slices.Sorted(maps.Keys(f.rows)) {
		got := ""
		if rows[key] != nil {
			got = stateOf(rows[key].Value)
		}
		w.compare(check.State, fmt.Sprintf("the changelog of %s/%d, row %q", g.name, n, key), got, stateOf(f.rows[key]))
		delete(rows, key)
	}
	w.damage(check.State, fmt.Sprintf("rows of %s/%d that the fold does not have", g.name, n), fmt.Sprint(len(rows)), "0")
}

func (w *World) proveStore(g *group, n int32, f *straight) {
	for _, s := range g.slots {
		if s.process == nil || s.process.session == nil {
			continue
		}
		for _, c := range s.process.session.claims {
			if c.partition != n || c.store == nil {
				continue
			}
			for _, key := range slices.Sorted(maps.Keys(f.rows)) {
				w.compare(check.State, fmt.Sprintf("the store of %s, partition %d, row %q", s.process.name(), n, key), stateOf(c.store.get(key)), stateOf(f.rows[key]))
			}
		}
	}
}

// invariant is what makes takeovers safe: for every key the last record of the log is tainted by a living takeover, or
// includes every input below the committed offset.
func (w *World) invariant(when string) {
	for _, g := range w.groups {
		for n := range int32(partitions) {
			committed := g.coordinator.commits[n].offset
			f := w.foldStraight(g, n)
			rows, takeovers := w.lastRows(g, n)
			for _, key := range slices.Sorted(maps.Keys(f.taken)) {
				newest := int64(-1)
				for _, offset := range f.taken[key] {
					if offset < committed {
						newest = offset
					}
				}
				last := rows[key]
				if newest >= 0 && !tainted(last, takeovers) && (last == nil || through(last.Value) <= newest) {
					w.damage(check.State, fmt.Sprintf("%s: the last row of %q in %s/%d", when, key, g.name, n), "older than the commit and not tainted", "whole or tainted")
				}
			}
		}
	}
}

// tainted reports whether a stale owner wrote a row: somebody had taken over before it landed.
func tainted(row *entry, takeovers []int64) bool {
	return row != nil && law.Tainted(takeovers, row.table.Generation, row.Offset)
}

// Panics of one build: a machine panics at an input on those who own it until a better build is deployed, and no owner after
// them does. What is skipped must be skipped by all: the table holds it before the dead letter leaves.

package sim

import (
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// flaw is an input at which some owners panic.
type flaw struct {
	until int // the last deal of partitions whose owners panic; 0 = nobody has met it
	ends  ending
}

// ending is how an input came out, by the first owner who emitted it.
type ending uint8

const (
	open ending = iota
	folded
	skipped
)

const flawDetail = "the machine panicked: a flaw of one build"

// flaw writes an input at which a machine will panic.
func (w *World) flaw() {
	topic, n, offset := w.ban()
	w.note("whoever owns %s/%d when %d is folded will panic", topic, n, offset)
	w.flaws[inputAt{topic, n, offset}] = &flaw{}
}

// panics: the first to meet the input panics, and who owned it before or at the same time; who owns it later does not.
func (f *flaw) panics(s *session) bool {
	if f.until == 0 {
		f.until = s.deal
	}
	return s.deal <= f.until
}

// came notes how the input came out. The proof finds an owner that emits otherwise later.
func (f *flaw) came(w *World, at inputAt, how ending) {
	if f.ends != open {
		return
	}
	if f.ends = how; how == skipped {
		w.poisoned[at] = pb.Failing_FAILING_PANIC
	}
}

// decide folds one input, or records that its machine panics, and waits.
func (p *process) decide(c *claim, rules uint32, in *entry) (next []byte, out []topology.Output, waits bool) {
	row, record := c.store.get(in.Key), in.Record
	record.Panic = c.store.view.SkippedAt(in.Offset)
	next, out = p.machine.Fold(rules, row, &record)
	at := inputAt{in.Topic, in.Partition, in.Offset}
	f := p.w.flaws[at]
	if f == nil || next == nil {
		return next, out, false
	}
	if record.Panic == "" && f.panics(p.session) {
		if !p.w.broken(LetterBeforeRecord) {
			p.skip(c, in.Offset)
			return nil, nil, true
		}
		record.Panic = flawDetail
		next, out = p.machine.Fold(rules, row, &record)
	}
	how := folded
	if record.Panic != "" {
		how = skipped
	}
	f.came(p.w, at, how)
	return next, out, false
}

// skip records in the changelog that an input is skipped. If nobody else has written there since this owner took over, then
// whoever takes over later will read it. Otherwise this owner may be stale, and must not emit more.
func (p *process) skip(c *claim, input int64) {
	c.waits = true
	p.change(law.Mark, c, law.SkipKey(input, c.nonce), p.markValue(c), law.SkipHeaders(c.Generation, input, flawDetail), func(int64) {
		c.waits, c.refused = false, c.store.view.SkippedAt(input) == ""
	})
}

// foldKnown is the straight fold of one input; false = it is not known yet how it ends.
func (w *World) foldKnown(g *group, f *straight, in *entry) (next []byte, out []topology.Output, known bool) {
	rules, record := g.real.RulesAt(f.rows[topology.RulesKey], in.Offset), in.Record
	next, out = g.real.Fold(rules, f.rows[in.Key], &record)
	flaw := w.flaws[inputAt{in.Topic, in.Partition, in.Offset}]
	if flaw == nil || next == nil || flaw.ends == folded {
		return next, out, true
	}
	record.Panic = flawDetail
	next, out = g.real.Fold(rules, f.rows[in.Key], &record)
	return next, out, flaw.ends == skipped
}

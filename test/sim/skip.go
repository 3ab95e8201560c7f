// Panics of one build: a machine panics at an input on those who own it until a better build is deployed, and no owner after
// them does. What is skipped must be skipped by all: the table says so before the dead letter does.

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

// ending is how an input came out, by the first who said it.
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

// said notes how the input came out. Whoever says otherwise later is found by the proof.
func (f *flaw) said(w *World, at inputAt, how ending) {
	if f.ends != open {
		return
	}
	if f.ends = how; how == skipped {
		w.poisoned[at] = pb.Failing_FAILING_PANIC
	}
}

// judge folds one input, or puts on record that its machine panics, and waits.
func (p *process) judge(c *claim, rules uint32, in *entry) (next []byte, out []topology.Output, waits bool) {
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
	f.said(p.w, at, how)
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

// foldSaid is the straight fold of one input; false = nobody has said yet how it ends.
func (w *World) foldSaid(g *group, f *straight, in *entry) (next []byte, out []topology.Output, said bool) {
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

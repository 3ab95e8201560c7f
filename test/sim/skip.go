// Panics of one build: a machine panics at an input on those who own it until a better build is deployed, and no owner after
// them does. What is skipped must be skipped by all: the table says so before the dead letter does.

package sim

import (
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
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
	record.Panic = c.store.skippedAt(in.Offset)
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

// skip says in the changelog that an input is skipped. If nobody else has written there since this owner took over, then
// whoever takes over later will read it. Else it may be stale, and must not say more.
func (p *process) skip(c *claim, input int64) {
	c.waits = true
	key := fmt.Sprintf("%s%d/%s", skipPrefix, input, c.nonce)
	p.change(skipMark, c, key, []byte(flawDetail), func(int64) {
		c.waits = false
		if c.refused = c.store.skippedAt(input) == ""; c.refused && p.w.broken(StaleSkipSaid) {
			c.refused = false
			c.store.skipped(key, skip{input: input, detail: flawDetail})
		}
	})
}

// skip is what a table says of an input that is skipped.
type skip struct {
	input  int64
	detail string
	void   bool // a stale owner said it
}

func (s *store) skippedAt(input int64) string {
	for _, k := range s.skips {
		if k.input == input && !k.void {
			return k.detail
		}
	}
	return ""
}

func (s *store) skipped(key string, k skip) {
	s.skips[key] = k
	s.ready = append(s.ready, func(d *disk) { d.skips[key] = k })
}

func (s *store) forgotten(key string) {
	delete(s.skips, key)
	s.ready = append(s.ready, func(d *disk) { delete(d.skips, key) })
}

func (s *store) retired(key string) {
	delete(s.takeovers, key)
	s.walls = s.w.wallsOf(s.takeovers)
	s.ready = append(s.ready, func(d *disk) { delete(d.takeovers, key) })
}

// ackedMark takes the ack of a tombstone, or of the word that an input is skipped. Behind a foreign record it counts for
// nothing here: to know one mark too many is harmless, and of a skip the next owner must judge.
func (s *store) ackedMark(r *shipment) {
	key := r.entry.Key
	switch {
	case s.frozen:
	case r.kind == takeoverMark:
		s.retired(key)
	case r.entry.Value == nil:
		s.forgotten(key)
	default:
		s.skipped(key, skip{input: r.entry.skipped, detail: string(r.entry.Value)})
	}
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

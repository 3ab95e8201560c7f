// A process of a group: what happens to one input, as the wire does it.

package sim

import (
	"fmt"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// process is one incarnation of a member: its producer, its tracks, its session.
type process struct {
	w       *World
	group   *group
	slot    *slot
	life    int
	machine *machine // as this process runs it, mutant or not
	frozen  bool
	ids     [2][partitions]int // incarnations of the input and of the changelog when it began
	doomed  bool               // panics at the next input that emits something
	queues  []*queue
	tracks  []*track
	unacked int
	session *session
}

func (p *process) name() string {
	return fmt.Sprintf("%s-%d.%d", p.group.real.Group.Name, p.slot.number, p.life)
}

// claim is what an owner knows of a partition it took over.
type claim struct {
	partition int32
	store     *store
	folded    int64 // every input below is folded and acked; law.NoCommit before the first
	marked    int64
	position  int64 // next input to fold

	law.Takeover
	nonce     string
	before    commit
	read      int64 // changelog offset to read next
	recoverTo int64
	announced bool
	waits     bool // for the ack of a skip
	refused   bool // that skip: nobody may believe it
	rules     []byte
}

// step lets the process do one thing: the one that is drawn, or the next that there is to do. Heartbeats are rare, so that
// a process may be stale for long.
func (p *process) step() {
	first := p.w.random.IntN(16)
	switch first {
	case 12, 13:
		p.pace()
		return
	case 14:
		if s := p.session; s != nil && s.phase == folding {
			s.commit()
		}
		return
	case 15:
		p.heartbeat()
		return
	}
	for i := range 3 {
		switch (first + i) % 3 {
		case 0:
			if p.session != nil && p.session.step() {
				return
			}
		case 1:
			if q := p.some(func(q *queue) bool { return len(q.sent) > 0 }); q != nil {
				p.w.land(q, 1+p.w.random.IntN(maxNetStep))
				return
			}
		case 2:
			if q := p.some(func(q *queue) bool { return len(q.landed) > 0 }); q != nil {
				p.acks(q, 1+p.w.random.IntN(maxNetStep))
				return
			}
		}
	}
}

const maxNetStep = 6 // records that move in one step

// some is a queue that fits, beginning at a random one.
func (p *process) some(fits func(*queue) bool) *queue {
	if len(p.queues) == 0 {
		return nil
	}
	first := p.w.random.IntN(len(p.queues))
	for i := range p.queues {
		if q := p.queues[(first+i)%len(p.queues)]; fits(q) {
			return q
		}
	}
	return nil
}

// run does everything that can be done without another's help; it is for the time after the last fault.
func (p *process) run() bool {
	ran := p.heartbeat()
	for p.session != nil && p.session.step() {
		ran = true
	}
	p.pace()
	for again := true; again; {
		again = false
		for _, q := range p.queues {
			again = p.w.land(q, len(q.sent)) || again
			again = p.acks(q, len(q.landed)) || again
		}
		ran = ran || again
	}
	if s := p.session; s != nil && s.phase == folding {
		s.commit()
	}
	return ran
}

// pace lets the rows leave that are held for a newer one.
func (p *process) pace() {
	for _, t := range p.tracks {
		must(t.Pace())
	}
}

// doom lets this owner, and no other, panic half way through an input.
func (p *process) doom() bool {
	was := p.doomed
	p.doomed = true
	return !was
}

// foldOne folds one input: outputs leave at once, the row's changelog record waits for them. It reports whether the process
// is still there.
func (p *process) foldOne(c *claim, in *entry) bool {
	rules, known := p.rulesFor(c, in.Offset)
	if !known {
		return false
	}
	next, out, waits := p.decide(c, rules, in)
	if waits {
		return true
	}
	c.position = in.Offset + 1
	if next == nil {
		p.after(c, in.Offset, in.Key, false)
		return true
	}
	dies := p.doomed && len(out) > 0
	if dies {
		out = out[:p.w.random.IntN(len(out)+1)]
	}
	for i, o := range out {
		cause := topology.Cause{Epoch: p.w.plan.Epoch, Group: p.group.real.Group.Number, Partition: in.Partition, Offset: in.Offset, Index: uint32(i)}
		p.tracks[c.partition].put(&shipment{
			topic: o.Topic, partition: topology.PartitionOf(o.Key, p.w.plan.Partitions),
			entry: entry{Record: topology.Record{
				Key: o.Key, Value: o.Value, Headers: []topology.Header{{Key: topology.HeaderCause, Value: cause.Pack()}},
			}},
		})
	}
	if dies {
		p.crash("a panic while it folds")
		return false
	}
	c.store.set(in.Key, next)
	p.change(law.Row, c, in.Key, next, law.RowHeaders(c.Generation), nil)
	if in.Key == topology.RulesKey {
		c.rules = next
	}
	p.after(c, in.Offset, in.Key, true)
	return true
}

// endRun lets the inputs that a step folded be committed when everything that they emitted is acked, and everything before.
func (p *process) endRun(c *claim) {
	below := c.position
	p.tracks[c.partition].barrier(func(error) { c.folded = max(c.folded, below) })
}

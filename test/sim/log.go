// The simulated log: topics of partitions that only grow, except where compaction eats records or a leader is lost.

package sim

import (
	"sort"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// entry is a record as it stands in a partition. The last fields are what it says, decoded.
type entry struct {
	topology.Record
	table   *law.Record    // a changelog record, as its headers say
	inbox   *pb.InboxEvent // an inbox event, decoded at the first use
	account *pb.AccountEvent
}

// partition is one partition of a topic.
type partition struct {
	entries []*entry // by rising offset; compaction leaves holes
	end     int64
	start   int64 // what is below was deleted; entries keep it, for the proofs
	leader  int   // broker
	id      int   // incarnation
}

// from are the entries at and behind an offset that are still there.
func (p *partition) from(offset int64) []*entry {
	offset = max(offset, p.start)
	i := sort.Search(len(p.entries), func(i int) bool { return p.entries[i].Offset >= offset })
	return p.entries[i:]
}

// compact keeps the last record of each key and no tombstone, except the very last record: what Kafka may do at most, at
// once and at the worst time. Kafka never compacts the segment that is written.
func (p *partition) compact() {
	last := make(map[string]int64, len(p.entries))
	for _, e := range p.entries {
		last[e.Key] = e.Offset
	}
	kept := make([]*entry, 0, len(last))
	for _, e := range p.entries {
		if last[e.Key] == e.Offset && (e.Value != nil || e.Offset == p.end-1) {
			kept = append(kept, e)
		}
	}
	p.entries = kept
}

// truncate forgets the newest n offsets, as a leader does that had them alone.
func (p *partition) truncate(n int64) {
	p.end = max(p.end-n, 0)
	for len(p.entries) > 0 && p.entries[len(p.entries)-1].Offset >= p.end {
		p.entries = p.entries[:len(p.entries)-1]
	}
}

// topicLog is the log by topic.
type topicLog map[string][]*partition

func newLog(plan topology.Plan) topicLog {
	log := topicLog{}
	make1 := func(name string) {
		for range plan.Partitions {
			log[name] = append(log[name], &partition{})
		}
	}
	for _, t := range plan.Topics {
		make1(t.Name)
	}
	for _, g := range plan.Groups {
		make1(plan.Table(g.Name))
	}
	return log
}

// begin is the true time when a run begins; milliseconds since 1970.
const begin = 1_700_000_000_000

// append writes a record and returns its offset. Its time is what its leader takes for the time just now.
func (w *World) append(topic string, number int32, e entry) int64 {
	p := w.log[topic][number]
	w.trueMs += int64(1 + w.random.IntN(20))
	e.Topic, e.Partition, e.Offset, e.Time = topic, number, p.end, w.brokerTime(p)
	p.end++
	if w.tables[topic] {
		e.table = readTable(&e.Record)
	}
	p.entries = append(p.entries, &e)
	if w.cfg.Trace != nil {
		w.noteRecord(&e)
	}
	return e.Offset
}

// readTable reads a changelog record as the wire does.
func readTable(r *topology.Record) *law.Record {
	t, err := law.ReadRecord(r.Key, r.Value, r.Offset, func(name string) ([]byte, bool) {
		for _, h := range r.Headers {
			if h.Key == name {
				return h.Value, true
			}
		}
		return nil, false
	})
	must(err)
	return &t
}

// noteRecord traces a record as it is written.
func (w *World) noteRecord(e *entry) {
	switch packed := e.Get(topology.HeaderCause); {
	case packed != nil:
		c, _ := topology.UnpackCause(packed)
		w.note("  %s/%d@%d %q because of %d/%d@%d.%d", e.Topic, e.Partition, e.Offset, e.Key, c.Group, c.Partition, c.Offset, c.Index)
	case e.table == nil:
		w.note("  %s/%d@%d %q", e.Topic, e.Partition, e.Offset, e.Key)
	case e.table.Mark:
		w.note("  %s/%d@%d mark %q: %q", e.Topic, e.Partition, e.Offset, e.Key, e.Value)
	default:
		w.note("  %s/%d@%d row %q through %d of generation %d", e.Topic, e.Partition, e.Offset, e.Key, through(e.Value), e.table.Generation)
	}
}

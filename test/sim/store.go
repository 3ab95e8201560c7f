// State before disk: a model of the wire's local store, with takeovers and suspects.

package sim

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// disk is what a process of this place finds again after it died: rows, and the changelog offset that they belong to.
type disk struct {
	rows      map[string][]byte
	takeovers map[string]standing
	suspects  map[string]bool
	skips     map[string]skip
	next      int64
	ids       [2]int // incarnations of the input and of the changelog that it belongs to; unpinned
}

const unpinned = -1

func newDisk() *disk {
	return &disk{ids: [2]int{unpinned, unpinned}, rows: map[string][]byte{}, takeovers: map[string]standing{}, suspects: map[string]bool{}, skips: map[string]skip{}}
}

func (d *disk) clone() *disk {
	return &disk{maps.Clone(d.rows), maps.Clone(d.takeovers), maps.Clone(d.suspects), maps.Clone(d.skips), d.next, d.ids}
}

// store is the disk as a session sees it, with what is not written yet.
type store struct {
	w      *World
	disk   *disk
	memory map[string]written
	last   written // set by a fold, for its shipment
	ready  []func(*disk)
	count  uint64

	next, saved int64
	frozen      bool // a foreign record stood among ours: the saved offset stops
	closed      bool
	takeovers   map[string]standing
	walls       []int64 // offsets of the takeovers that count
	suspects    map[string]bool
	skips       map[string]skip
}

type written struct {
	key    string
	value  []byte
	number uint64
}

func openStore(w *World, d *disk) *store {
	s := &store{
		w: w, disk: d, memory: map[string]written{}, next: d.next, saved: d.next,
		takeovers: maps.Clone(d.takeovers), suspects: maps.Clone(d.suspects), skips: maps.Clone(d.skips),
	}
	s.walls = w.wallsOf(s.takeovers)
	return s
}

func (s *store) get(key string) []byte {
	if m, ok := s.memory[key]; ok {
		return m.value
	}
	return s.disk.rows[key]
}

// fold takes one record of the changelog. Per key the row with the highest through stays.
func (s *store) fold(e *entry) {
	switch {
	case e.takeover && e.Value == nil:
		s.retired(e.Key)
	case e.takeover:
		s.takeovers[e.Key] = standing{e.Offset, e.rank}
		s.walls = s.w.wallsOf(s.takeovers)
		s.ready = append(s.ready, func(d *disk) { d.takeovers[e.Key] = standing{e.Offset, e.rank} })
	case e.skip && e.Value == nil:
		s.forgotten(e.Key)
	case e.skip:
		s.skipped(e.Key, skip{e.skipped, string(e.Value), tainted(e, s.walls) && !s.w.broken(StaleSkipBelieved)})
	default:
		s.foldTaint(e, s.foldRow(e))
	}
	s.next, s.saved = e.Offset+1, e.Offset+1
}

// foldRow reports whether the record is behind the row that stays: then the log ends with less than this owner knows.
func (s *store) foldRow(e *entry) (behind bool) {
	if have := s.get(e.Key); have != nil && through(e.Value) < through(have) && !s.w.broken(StaleRowWins) {
		return !s.w.broken(BetterRowTrusted)
	}
	s.row(e.Key, e.Value)
	return false
}

func (s *store) row(key string, value []byte) {
	s.count++
	m := written{key, value, s.count}
	s.memory[key] = m
	s.ready = append(s.ready, s.write(m))
}

func (s *store) write(m written) func(*disk) {
	return func(d *disk) {
		d.rows[m.key] = m.value
		if s.memory[m.key].number == m.number {
			delete(s.memory, m.key)
		}
	}
}

// foldTaint notes whether a stale owner wrote the record, or wrote a better one before it, which compaction may eat.
func (s *store) foldTaint(e *entry, behind bool) {
	if s.w.broken(StaleRowWins) {
		return
	}
	if suspect := behind || tainted(e, s.walls); suspect != s.suspects[e.Key] {
		s.suspect(e.Key, suspect)
	}
}

func (s *store) suspect(key string, is bool) {
	set := func(m map[string]bool) {
		if is {
			m[key] = true
		} else {
			delete(m, key)
		}
	}
	set(s.suspects)
	s.ready = append(s.ready, func(d *disk) { set(d.suspects) })
}

// set keeps a row until its changelog record is acked.
func (s *store) set(key string, value []byte) {
	s.count++
	m := written{key, value, s.count}
	s.memory[key] = m
	s.last = m
	if s.w.broken(StoreBeforeAck) {
		s.disk.rows[key] = value
	}
}

// acked takes the ack of one of our own changelog records, in the order of the log.
func (s *store) acked(r *shipment, offset int64) {
	if s.closed || r.kind == takeoverMark && r.entry.Value != nil {
		return
	}
	if offset != s.next {
		s.frozen = true
	}
	s.next = offset + 1
	if !s.frozen {
		s.saved = s.next
	}
	if r.kind != rowState {
		s.ackedMark(r)
		return
	}
	m := r.row
	s.ready = append(s.ready, s.write(m))
	if s.suspects[m.key] && !s.frozen {
		s.suspect(m.key, false)
	}
}

// flush writes what is acked and the offset it belongs to.
func (s *store) flush() {
	if s.closed {
		return
	}
	for _, write := range s.ready {
		write(s.disk)
	}
	s.ready = s.ready[:0]
	s.disk.next = s.saved
}

func (s *store) close() {
	s.flush()
	s.closed = true
}

// suspectKeys are the suspects, sorted.
func (s *store) suspectKeys() []string { return slices.Sorted(maps.Keys(s.suspects)) }

const fieldThrough = 1

// through reads Row.through, the first field of every row, as the wire does; 0 for no row.
func through(row []byte) int64 {
	number, kind, n := protowire.ConsumeTag(row)
	if n < 0 || number != fieldThrough || kind != protowire.VarintType {
		return 0
	}
	v, _ := protowire.ConsumeVarint(row[n:])
	return int64(v)
}

// withThrough is the row with another through.
func withThrough(row []byte, value int64) []byte {
	rest := row
	if number, kind, n := protowire.ConsumeTag(row); n > 0 && number == fieldThrough && kind == protowire.VarintType {
		_, m := protowire.ConsumeVarint(row[n:])
		rest = row[n+m:]
	}
	next := protowire.AppendTag(make([]byte, 0, len(rest)+12), fieldThrough, protowire.VarintType)
	return append(protowire.AppendVarint(next, uint64(value)), rest...)
}

// State before disk: a local store whose disk is in memory. topology/wire/law decides what stands in it.

package sim

import (
	"maps"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/law"
)

// disk is what a process of this slot finds again after it died: entries, and the changelog offset that they belong to.
type disk struct {
	entries map[law.Entry]map[string][]byte
	next    int64
	census  law.Census
	ids     [2]int // incarnations of the input and of the changelog that it belongs to; unpinned
}

const unpinned = -1

func newDisk() *disk {
	return &disk{ids: [2]int{unpinned, unpinned}, entries: map[law.Entry]map[string][]byte{
		law.RowEntry: {}, law.SuspectEntry: {}, law.TakeoverEntry: {}, law.SkipEntry: {},
	}}
}

func (d *disk) clone() *disk {
	c := *d
	c.entries = map[law.Entry]map[string][]byte{}
	for of, entries := range d.entries {
		c.entries[of] = maps.Clone(entries)
	}
	return &c
}

func (d *disk) rows() map[string][]byte { return d.entries[law.RowEntry] }

func (d *disk) write(e written) {
	if e.value == nil {
		delete(d.entries[e.of], e.key)
		return
	}
	d.entries[e.of][e.key] = e.value
}

// store is the disk as a session sees it, with what is not written yet. It is a law.Disk.
type store struct {
	w        *World
	disk     *disk
	view     *law.View
	memory   map[string]written // newest value of rows that are not on the disk
	last     written            // set by a fold, for its shipment
	ready    []written          // to be written with the next flush, in order
	count    uint64
	suspects map[string]bool // as the view has them, for whoever deletes inputs
	closed   bool
}

// written is an entry on its way to the disk.
type written struct {
	of     law.Entry
	key    string
	value  []byte // nil = delete
	number uint64
	fresh  bool // the key had no row before
}

func openStore(w *World, d *disk) *store {
	s := &store{w: w, disk: d, memory: map[string]written{}, suspects: map[string]bool{}}
	var err error
	s.view, err = law.OpenView(s, d.next, d.census, w.cfg.Mutant.broken())
	must(err)
	for key := range d.entries[law.SuspectEntry] {
		s.suspects[key] = true
	}
	return s
}

func (s *store) get(key string) []byte {
	if m, ok := s.memory[key]; ok {
		return m.value
	}
	return s.disk.rows()[key]
}

// Row is a part of law.Disk.
func (s *store) Row(key string) ([]byte, error) { return s.get(key), nil }

// Each is a part of law.Disk.
func (s *store) Each(of law.Entry, fn func(key string, value []byte)) error {
	for key, value := range s.disk.entries[of] {
		fn(key, value)
	}
	return nil
}

// Write is a part of law.Disk.
func (s *store) Write(of law.Entry, key string, value []byte) {
	s.count++
	m := written{of: of, key: key, value: value, number: s.count}
	switch of {
	case law.RowEntry:
		s.memory[key] = m
	case law.SuspectEntry:
		s.suspects[key] = value != nil
	}
	s.ready = append(s.ready, m)
}

// fold takes one record of the changelog.
func (s *store) fold(e *entry) {
	_, err := s.view.Fold(e.table)
	must(err)
}

// set keeps a row until its changelog record is acked.
func (s *store) set(key string, value []byte) {
	s.count++
	s.last = written{of: law.RowEntry, key: key, value: value, number: s.count, fresh: s.get(key) == nil}
	s.memory[key] = s.last
	if s.w.broken(StoreBeforeAck) {
		s.disk.rows()[key] = value
	}
}

// acked takes the ack of one of our own changelog records, in the order of the log.
func (s *store) acked(r *shipment, offset int64) {
	if s.closed {
		return
	}
	if r.Kind == law.Mark {
		_, err := s.view.AckMark(r.entry.Key, r.entry.Value, r.entry.Headers, offset)
		must(err)
		return
	}
	fresh := false
	for row := r; row != nil; row = row.Older {
		fresh = fresh || row.row.fresh
	}
	s.ready = append(s.ready, r.row)
	_, err := s.view.AckRow(r.entry.Key, r.entry.Value, fresh, offset)
	must(err)
}

// flush writes what is acked and the offset it belongs to.
func (s *store) flush() {
	if s.closed {
		return
	}
	for _, m := range s.ready {
		s.disk.write(m)
		if m.of == law.RowEntry && s.memory[m.key].number == m.number {
			delete(s.memory, m.key)
		}
	}
	s.ready = s.ready[:0]
	s.disk.next, s.disk.census = s.view.Saved(), s.view.Census()
}

func (s *store) close() {
	s.flush()
	s.closed = true
}

// through is the position of a row that a machine wrote.
func through(row []byte) int64 {
	known, err := topology.Through(row)
	must(err)
	return known
}

// withThrough is the row with another through.
func withThrough(row []byte, value int64) []byte {
	next, err := topology.WithThrough(row, value)
	must(err)
	return next
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// One partition of the local store: rows that are not acked yet, and the view of the changelog.
//
// A row set by a fold is visible at once, and reaches Pebble when its changelog record is acked.

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/lovoo/goka/storage"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
)

// Partition implements goka's storage.Storage for one partition of a session. After Close it ignores acks.
type Partition struct {
	table     *Store
	partition int32
	metrics   Metrics

	mu       sync.Mutex
	memory   map[string]entry // newest value of rows that are not on disk yet
	cache    rowCache         // some rows as they are on disk
	set      *entry           // the row that is set and has no receipt yet
	ready    []entry          // to be written with the next flush, in order
	sequence uint64
	dirty    bool
	closed   bool
	asked    string // key of the last Get
	missed   bool   // it had no row

	view     *law.View
	skipping atomic.Bool // an input is skipped: few partitions have any
}

// Metrics count what is unusual in a changelog.
type Metrics struct {
	Refused prometheus.Counter // records behind the row that is kept
	Tainted prometheus.Counter // records of stale owners
	Foreign prometheus.Counter // records of others among the owner's own
}

type entry struct {
	kind     law.Entry
	key      string
	value    []byte // nil = delete
	sequence uint64
	fresh    bool // the key had no row before
}

// OpenPartition reads what the store knows of a partition.
func (t *Store) OpenPartition(partition int32, m Metrics) (*Partition, error) {
	s := &Partition{table: t, partition: partition, metrics: m, memory: map[string]entry{}, cache: newRowCache()}
	packed, err := t.get(partition, kindMeta, metaNext)
	if err != nil {
		return nil, err
	}
	var next int64
	if len(packed) == 8 {
		next = int64(binary.BigEndian.Uint64(packed))
	}
	census, err := t.readCensus(partition)
	if err != nil {
		return nil, err
	}
	if s.view, err = law.OpenView(s, next, census, law.Broken{}); err != nil {
		return nil, err
	}
	s.skipping.Store(s.view.SkipCount() > 0)
	t.mu.Lock()
	t.open[partition] = s
	t.mu.Unlock()
	return s, nil
}

// Fold takes one record of the changelog, in the order of the log.
func (s *Partition) Fold(r *law.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	folded, err := s.view.Fold(r)
	if folded.Behind {
		s.metrics.Refused.Inc()
	}
	if err != nil {
		return err
	}
	if folded.Tainted {
		s.metrics.Tainted.Inc()
	}
	s.dirty = true
	return s.flushMany()
}

// flushMany flushes when many entries wait.
func (s *Partition) flushMany() error {
	if len(s.ready) >= flushRows {
		return s.flushLocked()
	}
	return nil
}

// Receipt says which row a changelog record holds.
type Receipt struct {
	sequence uint64 // of the row in the store
	fresh    bool   // the key had no row before
}

// Supersedes takes over the receipt of an older record of the same key, which is not sent.
func (r *Receipt) Supersedes(older Receipt) { r.fresh = r.fresh || older.fresh }

// Ship is called between Set and the hand-over of the row's changelog record.
func (s *Partition) Ship(key string) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || s.set.key != key {
		return Receipt{}, fmt.Errorf("a record holds the row of %q, but another was set: this is a bug in the wire", key)
	}
	r := Receipt{s.set.sequence, s.set.fresh}
	s.set = nil
	return r, nil
}

// AckRow takes the ack of a row's changelog record, in the order of the log. It runs on the delivery goroutine.
func (s *Partition) AckRow(key string, row []byte, r Receipt, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil // the session is over; the next recovery reads it from the log
	}
	s.ready = append(s.ready, entry{kind: law.RowEntry, key: key, value: row, sequence: r.sequence})
	return s.acked(s.view.AckRow(key, row, r.fresh, offset))
}

// AckMark takes the ack of a takeover, a skip or the tombstone of one, as AckRow does.
func (s *Partition) AckMark(key string, value []byte, headers []topology.Header, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.acked(s.view.AckMark(key, value, headers, offset))
}

func (s *Partition) acked(foreign bool, err error) error {
	if foreign {
		s.metrics.Foreign.Inc()
	}
	if err != nil {
		return err
	}
	s.dirty = true
	return s.flushMany()
}

// Flush writes what is acked, and the offset it belongs to, in one batch.
func (s *Partition) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.flushLocked()
}

func (s *Partition) flushLocked() error {
	if !s.dirty {
		return nil
	}
	batch := s.table.db.NewBatch()
	defer batch.Close()
	for _, e := range s.ready {
		key := diskKey(s.partition, e.kind, e.key)
		var err error
		if e.value == nil {
			err = batch.Delete(key, nil)
		} else {
			err = batch.Set(key, e.value, nil)
		}
		if err != nil {
			return err
		}
	}
	next := binary.BigEndian.AppendUint64(nil, uint64(s.view.Saved()))
	if err := batch.Set(diskKey(s.partition, kindMeta, metaNext), next, nil); err != nil {
		return err
	}
	if err := batch.Set(diskKey(s.partition, kindMeta, metaCensus), s.view.Census().Pack(), nil); err != nil {
		return err
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	failpoint.Reach(failpoint.StoreWritten)
	for _, e := range s.ready {
		if e.kind != law.RowEntry {
			continue
		}
		s.cache.put(e.key, e.value)
		if m, ok := s.memory[e.key]; ok && m.sequence == e.sequence {
			delete(s.memory, e.key)
		}
	}
	clear(s.ready) // let go of the rows
	s.ready = s.ready[:0]
	s.dirty = false
	return nil
}

// Row is a part of law.Disk, under the lock: the newest row, acked or not.
func (s *Partition) Row(key string) ([]byte, error) {
	if e, ok := s.memory[key]; ok {
		return e.value, nil
	}
	if row, ok := s.cache.get(key); ok {
		return row, nil
	}
	row, err := s.table.get(s.partition, law.RowEntry, key)
	if err == nil {
		s.cache.put(key, row)
	}
	return row, err
}

// Each is a part of law.Disk.
func (s *Partition) Each(kind law.Entry, fn func(key string, value []byte)) error {
	return s.table.each(s.partition, kind, fn)
}

// Write is a part of law.Disk, under the lock: it queues an entry for the next flush. Rows are visible at once.
func (s *Partition) Write(kind law.Entry, key string, value []byte) {
	s.sequence++
	e := entry{kind: kind, key: key, value: value, sequence: s.sequence}
	switch kind {
	case law.RowEntry:
		s.memory[key] = e
	case law.SkipEntry:
		s.skipping.Store(s.view.SkipCount() > 0)
	}
	s.ready = append(s.ready, e)
	s.dirty = true
}

// Position is the changelog offset after the last record read or acked.
func (s *Partition) Position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Next()
}

// Census counts the rows.
func (s *Partition) Census() law.Census {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Census()
}

// SkippedAt is what an owner's machine panicked with at an input, or "" when the input is not skipped.
func (s *Partition) SkippedAt(offset int64) string {
	if !s.skipping.Load() {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.SkippedAt(offset)
}

// SkipCount is the number of inputs that are skipped.
func (s *Partition) SkipCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.SkipCount()
}

// Announce gives a takeover its rank.
func (s *Partition) Announce(t *law.Takeover, member int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Announce(s.view, member)
}

// Choose decides where an owner begins.
func (s *Partition) Choose(t *law.Takeover, committed int64, input law.Bounds) (law.Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.Choose(s.view, committed, input)
}

// What follows is goka's storage.Storage.

// Open does nothing: the partition is open since it was built.
func (s *Partition) Open() error { return nil }

// Close writes what is acked and forgets the rest, which the changelog may or may not have.
func (s *Partition) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	err := s.flushLocked()
	s.closed = true
	s.table.mu.Lock()
	if s.table.open[s.partition] == s {
		delete(s.table.open, s.partition)
	}
	s.table.mu.Unlock()
	return err
}

// Has reports whether there is a row.
func (s *Partition) Has(key string) (bool, error) {
	row, err := s.Get(key)
	return row != nil, err
}

// Get returns the newest row, acked or not; nil = none.
func (s *Partition) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, err := s.Row(key)
	if err != nil {
		s.table.Fail(err)
	}
	s.asked, s.missed = key, row == nil
	return row, err
}

// Set keeps a row in memory until its changelog record is acked. Exactly one Ship, and one record, follows each Set.
func (s *Partition) Set(key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.missed
	if s.asked != key { // a fold asks for the row that it sets
		row, err := s.Row(key)
		if err != nil {
			return err
		}
		fresh = row == nil
	}
	s.asked, s.missed = key, false
	s.sequence++
	e := entry{kind: law.RowEntry, key: key, value: value, sequence: s.sequence, fresh: fresh}
	s.memory[key] = e
	s.set = &e
	return nil
}

// Delete is refused: rows are never deleted, they become gone.
func (s *Partition) Delete(string) error { return errors.New("rows are never deleted") }

// GetOffset returns the last changelog offset that is stored.
func (s *Partition) GetOffset(none int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view.Next() == 0 {
		return none, nil
	}
	return s.view.Next() - 1, nil
}

// SetOffset does nothing: fold and acked know the offset already, and goka passes none for offset 0 and for deletions.
func (s *Partition) SetOffset(int64) error { return nil }

// MarkRecovered is called by goka when it has read the changelog.
func (s *Partition) MarkRecovered() error { return s.Flush() }

// Iterator is refused: folds see one row.
func (s *Partition) Iterator() (storage.Iterator, error) { return nil, errNoIterator }

// IteratorWithRange is refused too.
func (s *Partition) IteratorWithRange(_, _ []byte) (storage.Iterator, error) {
	return nil, errNoIterator
}

var errNoIterator = errors.New("a group's table cannot be iterated: read its changelog")

// This file is one partition of the local store: rows that are not acked yet, and the view of the changelog.
//
// A row set by a fold is visible at once, and reaches Pebble when its changelog record is acked.

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/lovoo/goka/storage"

	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
)

// partitionStore implements goka's storage.Storage for one partition of a session.
type partitionStore struct {
	table     *tableStore
	partition int32
	metrics   *metrics

	mu       sync.Mutex
	memory   map[string]storeEntry // newest value of rows that are not on disk yet
	cache    rowCache              // some rows as they are on disk
	set      *storeEntry           // the row that is set and has no shipment yet
	ready    []storeEntry          // to be written with the next flush, in order
	sequence uint64
	dirty    bool
	closed   bool
	asked    string // key of the last Get
	missed   bool   // it had no row

	view     *law.View
	skipping atomic.Bool // an input is skipped: few partitions have any
}

type storeEntry struct {
	kind     law.Entry
	key      string
	value    []byte // nil = delete
	sequence uint64
	fresh    bool // the key had no row before
}

// openPartition reads what the store knows of a partition.
func (t *tableStore) openPartition(partition int32, m *metrics) (*partitionStore, error) {
	s := &partitionStore{table: t, partition: partition, metrics: m, memory: map[string]storeEntry{}, cache: newRowCache()}
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
	s.view = law.NewView(s, next, census, law.Broken{})
	for _, kind := range []law.Entry{law.TakeoverEntry, law.SkipEntry, law.SuspectEntry} {
		if err := t.each(partition, kind, func(key string, value []byte) { s.view.Restore(kind, key, value) }); err != nil {
			return nil, err
		}
	}
	s.skipping.Store(s.view.SkipCount() > 0)
	t.mu.Lock()
	t.open[partition] = s
	t.mu.Unlock()
	return s, nil
}

// fold takes one record of the changelog, in the order of the log.
func (s *partitionStore) fold(r *law.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	folded, err := s.view.Fold(r)
	if folded.Behind {
		s.metrics.refusedRows.Inc()
	}
	if err != nil {
		return err
	}
	if folded.Tainted {
		s.metrics.tainted.Inc()
	}
	s.dirty = true
	return s.flushMany()
}

// flushMany flushes when many entries wait.
func (s *partitionStore) flushMany() error {
	if len(s.ready) >= storeFlushRows {
		return s.flushLocked()
	}
	return nil
}

// acked takes the ack of one of our own changelog records. It runs on the delivery goroutine, in the order of the log.
func (s *partitionStore) acked(r *shipment, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil // the session is over; the next recovery reads it from the log
	}
	var foreign bool
	var err error
	if r.Kind == law.Mark {
		foreign, err = s.view.AckMark(r.Key, r.Value, r.Headers, offset)
	} else {
		fresh := r.fresh
		for older := r.Older; older != nil; older = older.Older {
			fresh = fresh || older.fresh
		}
		s.ready = append(s.ready, storeEntry{kind: law.RowEntry, key: r.Key, value: r.Value, sequence: r.sequence})
		foreign, err = s.view.AckRow(r.Key, r.Value, fresh, offset)
	}
	if foreign {
		s.metrics.foreign.Inc()
	}
	if err != nil {
		return err
	}
	s.dirty = true
	return s.flushMany()
}

// flush writes what is acked, and the offset it belongs to, in one batch.
func (s *partitionStore) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.flushLocked()
}

func (s *partitionStore) flushLocked() error {
	if !s.dirty {
		return nil
	}
	batch := s.table.db.NewBatch()
	defer batch.Close()
	for _, e := range s.ready {
		key := storeKey(s.partition, e.kind, e.key)
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
	if err := batch.Set(storeKey(s.partition, kindMeta, metaNext), next, nil); err != nil {
		return err
	}
	if err := batch.Set(storeKey(s.partition, kindMeta, metaCensus), s.view.Census().Pack(), nil); err != nil {
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
func (s *partitionStore) Row(key string) ([]byte, error) {
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

// Write is a part of law.Disk, under the lock: it queues an entry for the next flush. Rows are visible at once.
func (s *partitionStore) Write(kind law.Entry, key string, value []byte) {
	s.sequence++
	e := storeEntry{kind: kind, key: key, value: value, sequence: s.sequence}
	switch kind {
	case law.RowEntry:
		s.memory[key] = e
	case law.SkipEntry:
		s.skipping.Store(s.view.SkipCount() > 0)
	}
	s.ready = append(s.ready, e)
	s.dirty = true
}

// position is the changelog offset after the last record read or acked.
func (s *partitionStore) position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Next()
}

func (s *partitionStore) census() law.Census {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Census()
}

// skippedAt is what an owner's machine panicked with at an input, or "" when the input is not skipped.
func (s *partitionStore) skippedAt(offset int64) string {
	if !s.skipping.Load() {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.SkippedAt(offset)
}

func (s *partitionStore) skipCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.SkipCount()
}

// announce gives a takeover its rank.
func (s *partitionStore) announce(t *law.Takeover, member int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Announce(s.view, member)
}

// choose decides where an owner begins.
func (s *partitionStore) choose(t *law.Takeover, committed int64, input law.Bounds) (law.Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.Choose(s.view, committed, input)
}

// What follows is goka's storage.Storage.

// Open does nothing: the partition is open since it was built.
func (s *partitionStore) Open() error { return nil }

// Close writes what is acked and forgets the rest, which the changelog may or may not have.
func (s *partitionStore) Close() error {
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
func (s *partitionStore) Has(key string) (bool, error) {
	row, err := s.Get(key)
	return row != nil, err
}

// Get returns the newest row, acked or not; nil = none.
func (s *partitionStore) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, err := s.Row(key)
	if err != nil {
		s.table.fail(err)
	}
	s.asked, s.missed = key, row == nil
	return row, err
}

// Set keeps a row in memory until its changelog record is acked. Exactly one record follows each Set.
func (s *partitionStore) Set(key string, value []byte) error {
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
	e := storeEntry{kind: law.RowEntry, key: key, value: value, sequence: s.sequence, fresh: fresh}
	s.memory[key] = e
	s.set = &e
	return nil
}

// ship notes in a row's changelog record which row it is.
func (s *partitionStore) ship(r *shipment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || s.set.key != r.Key {
		return fmt.Errorf("a record holds the row of %q, but another was set: this is a bug in the wire", r.Key)
	}
	r.sequence, r.fresh = s.set.sequence, s.set.fresh
	s.set = nil
	return nil
}

// Delete is refused: rows are never deleted, they become gone.
func (s *partitionStore) Delete(string) error { return errors.New("rows are never deleted") }

// GetOffset returns the last changelog offset that is stored.
func (s *partitionStore) GetOffset(none int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view.Next() == 0 {
		return none, nil
	}
	return s.view.Next() - 1, nil
}

// SetOffset does nothing: fold and acked know the offset already, and goka passes none for offset 0 and for deletions.
func (s *partitionStore) SetOffset(int64) error { return nil }

// MarkRecovered is called by goka when it has read the changelog.
func (s *partitionStore) MarkRecovered() error { return s.flush() }

// Iterator is refused: folds see one row.
func (s *partitionStore) Iterator() (storage.Iterator, error) { return nil, errNoIterator }

// IteratorWithRange is refused too.
func (s *partitionStore) IteratorWithRange(_, _ []byte) (storage.Iterator, error) {
	return nil, errNoIterator
}

var errNoIterator = errors.New("a group's table cannot be iterated: read its changelog")

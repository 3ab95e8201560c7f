// This file is one partition of the local store: rows that are not acked yet, takeovers and suspects.
//
// A row set by a fold is visible at once, and reaches Pebble when its changelog record is acked. The saved offset stops at
// the first foreign record among ours: the next recovery must read what this owner skipped, or it could not know which
// record of a key the log ends with.

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/lovoo/goka/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/parley-im/parley/topology/wire/failpoint"
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
	next     int64 // changelog offset after the last record read or acked
	saved    int64 // the same, but it stops when frozen
	frozen   bool
	dirty    bool
	closed   bool
	census   census
	asked    string // key of the last Get
	missed   bool   // it had no row

	// Of marks, by the key of their record; see mark.go.
	takeovers map[string]standing
	walls     []int64 // offsets of the takeovers that count, rising
	skips     map[string]skip
	skipped   map[int64]string // input -> what the machine panicked with
	skipping  atomic.Bool      // there is one: few partitions have any

	suspects map[string]struct{} // keys whose last record in the log is tainted, or behind the row that we keep
}

type storeEntry struct {
	kind     byte
	key      string
	value    []byte // nil = delete
	sequence uint64
	fresh    bool // the key had no row before
}

// noGeneration is the generation of a row that was written without a takeover.
const noGeneration = -1

// changelogRecord is a record of the changelog as it is read back.
type changelogRecord struct {
	key        string
	value      []byte
	offset     int64
	generation int64 // noGeneration when it has none
	takeover   bool  // or a skip
	rank       rank
	skip       skip
}

// openPartition reads what the store knows of a partition.
func (t *tableStore) openPartition(partition int32, m *metrics) (*partitionStore, error) {
	s := &partitionStore{
		table: t, partition: partition, metrics: m,
		memory: map[string]storeEntry{}, cache: newRowCache(), takeovers: map[string]standing{}, suspects: map[string]struct{}{},
		skips: map[string]skip{}, skipped: map[int64]string{},
	}
	next, err := t.get(partition, kindMeta, metaNext)
	if err != nil {
		return nil, err
	}
	if len(next) == 8 {
		s.next = int64(binary.BigEndian.Uint64(next))
		s.saved = s.next
	}
	if s.census, err = t.readCensus(partition); err != nil {
		return nil, err
	}
	if err := s.openMarks(); err != nil {
		return nil, err
	}
	err = t.each(partition, kindSuspect, func(key string, _ []byte) { s.suspects[key] = struct{}{} })
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.open[partition] = s
	t.mu.Unlock()
	return s, nil
}

// fold takes one record of the changelog, in the order of the log. Per key the row with the highest through stays.
func (s *partitionStore) fold(r changelogRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.takeover {
		s.foldMark(r)
	} else {
		behind, err := s.foldRow(r)
		if err != nil {
			return err
		}
		s.foldTaint(r, behind)
	}
	s.next, s.saved, s.dirty = r.offset+1, r.offset+1, true
	if len(s.ready) >= storeFlushRows {
		return s.flushLocked()
	}
	return nil
}

// foldRow keeps the better row, and reports whether the record is behind it.
func (s *partitionStore) foldRow(r changelogRecord) (behind bool, err error) {
	current, err := s.get(r.key)
	if err != nil {
		return false, err
	}
	if current != nil && r.value != nil {
		have, err := through(current)
		if err != nil {
			return false, err
		}
		offered, err := through(r.value)
		if err != nil {
			return false, fmt.Errorf("the changelog record at offset %d is no row: %w", r.offset, err)
		}
		if offered < have {
			s.metrics.refusedRows.Inc()
			return true, nil
		}
	}
	s.put(storeEntry{kind: kindRow, key: r.key, value: r.value})
	return false, s.census.take(r.value, current == nil)
}

// foldTaint notes whether a stale owner wrote the record. A key whose last record is behind the row that we keep is suspect
// too: a stale owner was faster than its successor, and compaction may eat, or has eaten, the better row. Inputs that it drops
// must not be committed before it is written again.
func (s *partitionStore) foldTaint(r changelogRecord, behind bool) {
	tainted := s.tainted(r)
	_, known := s.suspects[r.key]
	suspect := tainted || behind
	switch {
	case suspect && !known:
		s.suspects[r.key] = struct{}{}
		s.put(storeEntry{kind: kindSuspect, key: r.key, value: []byte{1}})
	case !suspect && known:
		delete(s.suspects, r.key)
		s.put(storeEntry{kind: kindSuspect, key: r.key})
	}
	if tainted {
		s.metrics.tainted.Inc()
	}
}

// put queues an entry for the next flush; rows are visible at once.
func (s *partitionStore) put(e storeEntry) {
	s.sequence++
	e.sequence = s.sequence
	if e.kind == kindRow {
		s.memory[e.key] = e
	}
	s.ready = append(s.ready, e)
	s.dirty = true
}

// acked takes the ack of one of our own changelog records. It runs on the delivery goroutine, in the order of the log.
func (s *partitionStore) acked(r *shipment, offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil // the session is over; the next recovery reads it from the log
	}
	if r.kind == takeover && r.Value != nil && !strings.HasPrefix(r.Key, skipPrefix) {
		return nil // read back by the tail reader, as everything up to it
	}
	if !s.frozen && offset != s.next {
		s.frozen = true
		s.metrics.foreign.Inc()
	}
	s.next = offset + 1
	if !s.frozen {
		s.saved = s.next
	}
	s.dirty = true
	if r.kind == takeover {
		return s.ackedMark(r)
	}
	return s.ackRow(r)
}

func (s *partitionStore) ackRow(r *shipment) error {
	fresh := r.fresh
	for older := r.older; older != nil; older = older.older {
		fresh = fresh || older.fresh
	}
	if err := s.census.take(r.Value, fresh); err != nil {
		return err
	}
	s.ready = append(s.ready, storeEntry{kind: kindRow, key: r.Key, value: r.Value, sequence: r.sequence})
	if _, suspect := s.suspects[r.Key]; suspect && !s.frozen {
		delete(s.suspects, r.Key)
		s.ready = append(s.ready, storeEntry{kind: kindSuspect, key: r.Key})
	}
	if len(s.ready) >= storeFlushRows {
		return s.flushLocked()
	}
	return nil
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
	next := binary.BigEndian.AppendUint64(nil, uint64(s.saved))
	if err := batch.Set(storeKey(s.partition, kindMeta, metaNext), next, nil); err != nil {
		return err
	}
	if err := batch.Set(storeKey(s.partition, kindMeta, metaCensus), s.census.pack(), nil); err != nil {
		return err
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	failpoint.Reach(failpoint.StoreWritten)
	for _, e := range s.ready {
		if e.kind != kindRow {
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

func (s *partitionStore) get(key string) ([]byte, error) {
	if e, ok := s.memory[key]; ok {
		return e.value, nil
	}
	if row, ok := s.cache.get(key); ok {
		return row, nil
	}
	row, err := s.table.get(s.partition, kindRow, key)
	if err == nil {
		s.cache.put(key, row)
	}
	return row, err
}

// suspectKeys are the suspects, with the through of the best row that is known of each.
func (s *partitionStore) suspectKeys() (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make(map[string]int64, len(s.suspects))
	for key := range s.suspects {
		row, err := s.get(key)
		if err != nil {
			return nil, err
		}
		if list[key], err = through(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *partitionStore) livingTakeovers() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	offsets := make(map[string]int64, len(s.takeovers))
	for key, t := range s.takeovers {
		offsets[key] = t.offset
	}
	return offsets
}

// position is the changelog offset after the last record read or acked.
func (s *partitionStore) position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
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

// Has tells whether there is a row.
func (s *partitionStore) Has(key string) (bool, error) {
	row, err := s.Get(key)
	return row != nil, err
}

// Get returns the newest row, acked or not; nil = none.
func (s *partitionStore) Get(key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, err := s.get(key)
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
		row, err := s.get(key)
		if err != nil {
			return err
		}
		fresh = row == nil
	}
	s.asked, s.missed = key, false
	s.sequence++
	e := storeEntry{kind: kindRow, key: key, value: value, sequence: s.sequence, fresh: fresh}
	s.memory[key] = e
	s.set = &e
	return nil
}

// ship tells a row's changelog record which row it is.
func (s *partitionStore) ship(r *shipment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || s.set.key != r.Key {
		return fmt.Errorf("a record says the row of %q, but another was set: this is a bug in the wire", r.Key)
	}
	r.sequence, r.fresh = s.set.sequence, s.set.fresh
	s.set = nil
	return nil
}

// Delete is refused: rows are never deleted, they become gone.
func (s *partitionStore) Delete(string) error { return errors.New("rows are never deleted") }

// GetOffset tells goka the last changelog offset that is stored.
func (s *partitionStore) GetOffset(none int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == 0 {
		return none, nil
	}
	return s.next - 1, nil
}

// SetOffset does nothing: fold and acked know the offset already, and goka tells none for offset 0 and for deletions.
func (s *partitionStore) SetOffset(int64) error { return nil }

// MarkRecovered is goka's word that it has read the changelog.
func (s *partitionStore) MarkRecovered() error { return s.flush() }

// Iterator is not to be had: folds see one row.
func (s *partitionStore) Iterator() (storage.Iterator, error) { return nil, errNoIterator }

// IteratorWithRange is not to be had either.
func (s *partitionStore) IteratorWithRange(_, _ []byte) (storage.Iterator, error) {
	return nil, errNoIterator
}

var errNoIterator = errors.New("a group's table cannot be iterated: read its changelog")

// fieldThrough is the number of Row.through, the first field of every row.
const fieldThrough = 1

// through reads Row.through without decoding the row; 0 for no row.
func through(row []byte) (int64, error) {
	for b := row; len(b) > 0; {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
		}
		b = b[n:]
		if number == fieldThrough && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
			}
			return int64(v), nil
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return 0, fmt.Errorf("read a row: %w", protowire.ParseError(n))
		}
		b = b[n:]
	}
	return 0, nil
}

// withThrough returns the row with another through, encoded canonically: the field comes first.
func withThrough(row []byte, value int64) ([]byte, error) {
	rest := row
	if number, kind, n := protowire.ConsumeTag(row); n > 0 && number == fieldThrough && kind == protowire.VarintType {
		_, m := protowire.ConsumeVarint(row[n:])
		if m < 0 {
			return nil, fmt.Errorf("read a row: %w", protowire.ParseError(m))
		}
		rest = row[n+m:]
	}
	next := protowire.AppendTag(make([]byte, 0, len(rest)+12), fieldThrough, protowire.VarintType)
	return append(protowire.AppendVarint(next, uint64(value)), rest...), nil
}

// The store of all partitions of a process: one Pebble, a key prefix for each partition.

// Package store is the local copy of a group's table, on Pebble.
//
// It is a cache of the changelog and never synced to disk: a row and the changelog offset that it belongs to are written in
// one batch, so whatever a power failure leaves is an older but whole copy, and recovery reads on from its offset.
//
//	store.go      all partitions of a process; what happens when the disk fails
//	partition.go  one partition: which rows are acked and written; topology/wire/law says what the changelog means
//	row_cache.go  some rows in memory
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Limits of the local store, for one group in one process.
const (
	cacheBytes     = 16 << 20               // bytes
	memTableBytes  = 8 << 20                // bytes; two may exist
	openFiles      = 200                    // files
	flushInterval  = 250 * time.Millisecond // acked rows wait in memory for at most this long; a commit writes them too
	flushRows      = 1000                   // or until there are so many
	bloomBits      = 10                     // bits a key; most reads of new keys never touch a block
	keyPrefix      = 3                      // bytes: partition and kind
	distrustedFile = "DISTRUSTED"           // a file of this name makes the next start remove the store
	compactions    = 1                      // at a time: a cache is not worth the second core
)

// kindMeta is of keys that are no entries of a view.
const (
	kindMeta law.Entry = 'm'
)

// Keys of kindMeta.
const (
	metaNext   = "next"   // changelog offset to read next
	metaTable  = "table"  // id of the changelog topic
	metaInput  = "input"  // id of the input topic
	metaCensus = "census" // law.Census
)

// Store is the local copy of a group's table.
type Store struct {
	dir    string
	db     *pebble.DB
	broken func(error)

	rebuilt bool

	mu   sync.Mutex
	open map[int32]*Partition // the newest of each partition
	stop context.CancelFunc
	idle sync.WaitGroup
}

// Open opens the store in a folder. A store that cannot be opened or trusted is removed: the changelog has everything. broken
// is called when the store fails later: the process must end then.
func Open(dir string, log *slog.Logger, broken func(error)) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the local store: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	if err != nil {
		return nil, fmt.Errorf("the local store %s is in use: give every process a data folder of its own: %w", dir, err)
	}
	// Pebble would take the lock by itself, but then a store in use could not be told from a broken one.
	if err := lock.Close(); err != nil {
		return nil, err
	}
	t := &Store{dir: dir, broken: broken, open: map[int32]*Partition{}}
	db, err := t.openTrusted(log)
	rebuilt := err != nil
	if rebuilt {
		log.Warn("the local store is broken and is removed; it is read again from the changelog", "dir", dir, "error", err)
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("remove the broken store %s: %w", dir, err)
		}
		if db, err = t.openPebble(log); err != nil {
			return nil, fmt.Errorf("open the local store %s (is there room on its disk?): %w", dir, err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	t.db, t.rebuilt, t.stop = db, rebuilt, stop
	t.idle.Go(func() { ticker.Run(ctx, flushInterval, t.flush) })
	return t, nil
}

// openTrusted opens a store unless an earlier process found it corrupt.
func (t *Store) openTrusted(log *slog.Logger) (*pebble.DB, error) {
	if why, err := os.ReadFile(filepath.Join(t.dir, distrustedFile)); err == nil {
		return nil, fmt.Errorf("found corrupt before: %s", why)
	}
	return t.openPebble(log)
}

func (t *Store) openPebble(log *slog.Logger) (*pebble.DB, error) {
	options := &pebble.Options{
		CacheSize:                  cacheBytes,
		MemTableSize:               memTableBytes,
		MaxOpenFiles:               openFiles,
		FormatMajorVersion:         pebble.FormatNewest,
		CompactionConcurrencyRange: func() (int, int) { return compactions, compactions },
		Logger:                     pebbleLog{log},
		EventListener:              t.failures(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
	}
	return pebble.Open(t.dir, options)
}

// failures ends the process when Pebble fails in the background. By itself Pebble would end it at the first flipped bit,
// at every start anew, and try without end to write to a full disk while folds wait.
func (t *Store) failures() *pebble.EventListener {
	return &pebble.EventListener{
		DataCorruption:  func(i pebble.DataCorruptionInfo) { t.distrust(i.Details) },
		BackgroundError: func(err error) { go t.Fail(err) }, // it is called under Pebble's lock
	}
}

// flush moves acked rows to Pebble, for all open partitions; after a failure never again.
func (t *Store) flush() {
	for _, p := range t.partitions() {
		if err := p.Flush(); err != nil {
			t.Fail(err)
			t.stop()
			return
		}
	}
}

func (t *Store) partitions() []*Partition {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*Partition, 0, len(t.open))
	for _, p := range t.open {
		list = append(list, p)
	}
	return list
}

// Partition is the newest open partition of a number, or nil.
func (t *Store) Partition(partition int32) *Partition {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[partition]
}

// Rebuilt reports whether the store that was there was broken, and is removed.
func (t *Store) Rebuilt() bool { return t.rebuilt }

// Fail ends the process: a store that fails must not go on.
func (t *Store) Fail(err error) {
	t.broken(fmt.Errorf("the local store failed; %s: %w", roomNeeded, err))
}

const roomNeeded = "if its disk is full make room, else start again: it is read again from the changelog where it must be"

// distrust makes the next start remove the store.
func (t *Store) distrust(why error) {
	// If even this cannot be written the next start finds the corruption again.
	_ = os.WriteFile(filepath.Join(t.dir, distrustedFile), []byte(why.Error()), 0o644)
}

// Close writes what is acked and closes the store.
func (t *Store) Close() error {
	t.stop()
	t.idle.Wait()
	var err error
	for _, p := range t.partitions() {
		err = errors.Join(err, p.Close())
	}
	return errors.Join(err, t.db.Close())
}

// Wipe removes all entries of a partition.
func (t *Store) Wipe(partition int32) error {
	first := binary.BigEndian.AppendUint16(nil, uint16(partition))
	after := binary.BigEndian.AppendUint16(nil, uint16(partition)+1)
	return t.db.DeleteRange(first, after, pebble.NoSync)
}

func diskKey(partition int32, kind law.Entry, key string) []byte {
	b := make([]byte, 0, keyPrefix+len(key))
	b = binary.BigEndian.AppendUint16(b, uint16(partition))
	return append(append(b, byte(kind)), key...)
}

func (t *Store) get(partition int32, kind law.Entry, key string) ([]byte, error) {
	value, closer, err := t.db.Get(diskKey(partition, kind, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte{}, value...), nil
}

// each calls fn with every key of a kind; key and value are gone after the call.
func (t *Store) each(partition int32, kind law.Entry, fn func(key string, value []byte)) error {
	it, err := t.db.NewIter(&pebble.IterOptions{
		LowerBound: diskKey(partition, kind, ""), UpperBound: diskKey(partition, kind+1, ""),
	})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		fn(string(it.Key()[keyPrefix:]), it.Value())
	}
	return errors.Join(it.Error(), it.Close())
}

// pebbleLog logs Pebble's errors alone.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(string, ...any) {}
func (l pebbleLog) Errorf(format string, a ...any) {
	l.log.Error(fmt.Sprintf(format, a...), "from", "pebble")
}

// Fatalf is called when Pebble cannot go on, under locks that a panic would trip over. It must not return.
func (l pebbleLog) Fatalf(format string, a ...any) {
	l.log.Error("the process ends: the local store failed; "+roomNeeded, "error", fmt.Sprintf(format, a...))
	os.Exit(cluster.ExitCode)
}

// readCensus reads the census, or counts in a store of a binary that kept none.
func (t *Store) readCensus(partition int32) (c law.Census, err error) {
	packed, err := t.get(partition, kindMeta, metaCensus)
	if err != nil {
		return c, err
	}
	if c, ok := law.UnpackCensus(packed); ok {
		return c, nil
	}
	var broken error
	err = t.each(partition, law.RowEntry, func(key string, row []byte) {
		if err := c.Take(row, true); err != nil {
			broken = fmt.Errorf("the row of %q: %w", key, err)
		}
	})
	if err == nil {
		err = broken
	}
	return c, err
}

// IDs are the incarnations of a group's topics. A topic that is deleted and created again has another id.
type IDs struct{ Input, Table string }

// Pinned are the topics that a partition belongs to; "" where that is not known.
func (t *Store) Pinned(partition int32) (ids IDs, err error) {
	input, err := t.get(partition, kindMeta, metaInput)
	if err != nil {
		return ids, err
	}
	table, err := t.get(partition, kindMeta, metaTable)
	return IDs{string(input), string(table)}, err
}

// Pin notes which topics a partition was read from.
func (t *Store) Pin(partition int32, ids IDs) error {
	for key, id := range map[string]string{metaTable: ids.Table, metaInput: ids.Input} {
		if err := t.db.Set(diskKey(partition, kindMeta, key), []byte(id), pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}

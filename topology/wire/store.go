// This file is the local copy of a group's table: one Pebble for all partitions of a process, a key prefix for each.
//
// It is a cache of the changelog and never synced to disk: a row and the changelog offset it belongs to stand in one batch,
// so whatever a power failure leaves is an older but whole copy, and recovery reads on from its offset.

package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Limits of the local store, for one group in one process.
const (
	storeCache       = 16 << 20       // bytes
	storeMemTable    = 8 << 20        // bytes; two may exist
	storeOpenFiles   = 200            // files
	storeFlushEvery  = commitInterval // acked rows wait in memory for at most this long; a commit writes them too
	storeFlushRows   = 1000           // or until there are so many
	storeBloomBits   = 10             // bits a key; most look-ups of new keys never touch a block
	storeRowPrefix   = 3              // bytes: partition and kind
	storeDistrusted  = "DISTRUSTED"   // a file of this name makes the next start remove the store
	storeCompactions = 1              // at a time: a cache is not worth the second core
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

// tableStore is the local copy of a group's table.
type tableStore struct {
	dir    string
	db     *pebble.DB
	broken func(error)

	rebuilt bool // what was there was broken, and is removed

	mu   sync.Mutex
	open map[int32]*partitionStore // the newest of each partition
	stop context.CancelFunc
	idle sync.WaitGroup
}

// openTableStore opens the store in a folder. A store that cannot be opened or trusted is removed: the changelog has it all.
func openTableStore(dir string, log *slog.Logger, broken func(error)) (*tableStore, error) {
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
	t := &tableStore{dir: dir, broken: broken, open: map[int32]*partitionStore{}}
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
	t.idle.Go(func() { ticker.Run(ctx, storeFlushEvery, t.flush) })
	return t, nil
}

// openTrusted opens a store unless an earlier process found it corrupt.
func (t *tableStore) openTrusted(log *slog.Logger) (*pebble.DB, error) {
	if why, err := os.ReadFile(filepath.Join(t.dir, storeDistrusted)); err == nil {
		return nil, fmt.Errorf("found corrupt before: %s", why)
	}
	return t.openPebble(log)
}

func (t *tableStore) openPebble(log *slog.Logger) (*pebble.DB, error) {
	options := &pebble.Options{
		CacheSize:                  storeCache,
		MemTableSize:               storeMemTable,
		MaxOpenFiles:               storeOpenFiles,
		FormatMajorVersion:         pebble.FormatNewest,
		CompactionConcurrencyRange: func() (int, int) { return storeCompactions, storeCompactions },
		Logger:                     pebbleLog{log},
		EventListener:              t.troubles(),
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(storeBloomBits)
	}
	return pebble.Open(t.dir, options)
}

// troubles ends the process when Pebble meets any in the background. By itself Pebble would end it at the first flipped bit,
// at every start anew, and try for ever to write to a full disk while folds wait.
func (t *tableStore) troubles() *pebble.EventListener {
	return &pebble.EventListener{
		DataCorruption:  func(i pebble.DataCorruptionInfo) { t.distrust(i.Details) },
		BackgroundError: func(err error) { go t.fail(err) }, // it is called under Pebble's lock
	}
}

// flush moves acked rows to Pebble, for all open partitions; after a failure never again.
func (t *tableStore) flush() {
	for _, p := range t.partitions() {
		if err := p.flush(); err != nil {
			t.fail(err)
			t.stop()
			return
		}
	}
}

func (t *tableStore) partitions() []*partitionStore {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*partitionStore, 0, len(t.open))
	for _, p := range t.open {
		list = append(list, p)
	}
	return list
}

// partitionOpen is the open store of a partition, or nil.
func (t *tableStore) partitionOpen(partition int32) *partitionStore {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[partition]
}

// fail ends the process: a store that errs must not limp on.
func (t *tableStore) fail(err error) {
	t.broken(fmt.Errorf("the local store failed; %s: %w", roomNeeded, err))
}

const roomNeeded = "if its disk is full make room, else start again: it is read again from the changelog where it must be"

// distrust makes the next start remove the store.
func (t *tableStore) distrust(why error) {
	// If even this cannot be written the next start finds the corruption again.
	_ = os.WriteFile(filepath.Join(t.dir, storeDistrusted), []byte(why.Error()), 0o644)
}

func (t *tableStore) close() error {
	t.stop()
	t.idle.Wait()
	var err error
	for _, p := range t.partitions() {
		err = errors.Join(err, p.Close())
	}
	return errors.Join(err, t.db.Close())
}

// wipe removes all of a partition.
func (t *tableStore) wipe(partition int32) error {
	first := binary.BigEndian.AppendUint16(nil, uint16(partition))
	after := binary.BigEndian.AppendUint16(nil, uint16(partition)+1)
	return t.db.DeleteRange(first, after, pebble.NoSync)
}

func storeKey(partition int32, kind law.Entry, key string) []byte {
	b := make([]byte, 0, storeRowPrefix+len(key))
	b = binary.BigEndian.AppendUint16(b, uint16(partition))
	return append(append(b, byte(kind)), key...)
}

func (t *tableStore) get(partition int32, kind law.Entry, key string) ([]byte, error) {
	value, closer, err := t.db.Get(storeKey(partition, kind, key))
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
func (t *tableStore) each(partition int32, kind law.Entry, fn func(key string, value []byte)) error {
	it, err := t.db.NewIter(&pebble.IterOptions{
		LowerBound: storeKey(partition, kind, ""), UpperBound: storeKey(partition, kind+1, ""),
	})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		fn(string(it.Key()[storeRowPrefix:]), it.Value())
	}
	return errors.Join(it.Error(), it.Close())
}

// pebbleLog keeps Pebble's chatter out of the log, but not its troubles.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(string, ...any) {}
func (l pebbleLog) Errorf(format string, a ...any) {
	l.log.Error(fmt.Sprintf(format, a...), "from", "pebble")
}

// Fatalf is called when Pebble cannot go on, under locks that a panic would trip over. It must not return.
func (l pebbleLog) Fatalf(format string, a ...any) {
	l.log.Error("the process ends: the local store failed; "+roomNeeded, "error", fmt.Sprintf(format, a...))
	os.Exit(ExitCode)
}

// readCensus reads the census, or counts in a store of a binary that kept none.
func (t *tableStore) readCensus(partition int32) (c law.Census, err error) {
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

// pin notes which topics the partition was read from.
func (t *tableStore) pin(partition int32, ids topicIDs) error {
	for key, id := range map[string]string{metaTable: ids.table, metaInput: ids.input} {
		if err := t.db.Set(storeKey(partition, kindMeta, key), []byte(id), pebble.NoSync); err != nil {
			return err
		}
	}
	return nil
}

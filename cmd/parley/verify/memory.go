// The auditor's memory in a folder. What it learns between two checkpoints is one batch, written together with the positions
// that belong to it, so that an auditor that is killed continues from its last checkpoint.

package verify

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
)

const cacheBytes = 64 << 20 // of blocks kept in memory

// Keys of the folder itself. The auditor's own keys are letters.
var (
	identityKey = []byte("\xffidentity") // whose log the folder is about
	startedKey  = []byte("\xfebegun")    // set when the start is complete: one that was interrupted is begun again
)

// memory is an audit.Memory in a folder. The first error stays: what the auditor says after it is worth nothing.
type memory struct {
	db    *pebble.DB
	batch *pebble.Batch
	err   error
}

// openMemory opens the folder for a log. It is emptied first when it is to begin anew.
func openMemory(dir, identity string, anew bool) (*memory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{Cache: cache, Logger: quietLogger{}})
	if err != nil {
		return nil, fmt.Errorf("open the auditor's folder %s; one auditor at a time may use it, others take another --state: %w", dir, err)
	}
	m := &memory{db: db, batch: db.NewIndexedBatch()}
	known := m.Get(identityKey)
	switch {
	case anew:
		m.Forget([]byte{0}, []byte{0xff, 0xff})
	case known != nil && string(known) != identity:
		return nil, errors.Join(fmt.Errorf("%s is about another log than this cluster's, or of another version of parley: take another --state, or --from-start to forget it", dir), m.close())
	}
	if m.Get(startedKey) == nil {
		m.Forget([]byte{0}, identityKey) // a start was interrupted
	}
	m.Set(identityKey, []byte(identity))
	return m, m.checkpoint()
}

func (m *memory) note(err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("the auditor's folder: %w", err)
	}
}

func (m *memory) Get(key []byte) []byte {
	value, closer, err := m.batch.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		m.note(err)
		return nil
	}
	kept := append(make([]byte, 0, len(value)), value...)
	m.note(closer.Close())
	return kept
}

func (m *memory) Set(key, value []byte)  { m.note(m.batch.Set(key, value, nil)) }
func (m *memory) Delete(key []byte)      { m.note(m.batch.Delete(key, nil)) }
func (m *memory) Forget(from, to []byte) { m.note(m.batch.DeleteRange(from, to, nil)) }

func (m *memory) Scan(from, to []byte, each func(key, value []byte) bool) {
	i, err := m.batch.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		m.note(err)
		return
	}
	for ok := i.First(); ok && each(i.Key(), i.Value()); ok = i.Next() {
	}
	m.note(i.Close())
}

// checkpoint writes what was learnt. It is not synced: after a power failure an earlier checkpoint is found.
func (m *memory) checkpoint() error {
	m.note(m.batch.Commit(pebble.NoSync))
	m.note(m.batch.Close())
	m.batch = m.db.NewIndexedBatch()
	return m.err
}

func (m *memory) close() error { return errors.Join(m.batch.Close(), m.db.Close()) }

// quietLogger drops what Pebble logs about its files; fatal errors are returned or end the process.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)           {}
func (quietLogger) Errorf(string, ...any)          {}
func (quietLogger) Fatalf(format string, a ...any) { panic("pebble: " + fmt.Sprintf(format, a...)) }

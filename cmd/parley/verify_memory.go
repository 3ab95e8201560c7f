// The auditor's memory: a folder. What it learns between two checkpoints stands in one batch and is written with the
// positions that belong to it, so a process that is killed goes on from its last checkpoint.

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
)

const auditCache = 64 << 20 // bytes of blocks kept in memory

// identityKey is where the folder remembers whose log it is about. The auditor's own keys are letters.
var identityKey = []byte("\xffidentity")

// auditMemory is an audit.Memory in a folder. The first error stays: the auditor's words are worth nothing behind it.
type auditMemory struct {
	db    *pebble.DB
	batch *pebble.Batch
	err   error
}

// openAuditMemory opens the folder for a log. It is emptied first when it is to begin anew.
func openAuditMemory(dir, identity string, anew bool) (*auditMemory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cache := pebble.NewCache(auditCache)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{Cache: cache, Logger: quietLogger{}})
	if err != nil {
		return nil, fmt.Errorf("open the auditor's folder %s; one auditor at a time may use it, others take another --state: %w", dir, err)
	}
	m := &auditMemory{db: db, batch: db.NewIndexedBatch()}
	known := m.Get(identityKey)
	switch {
	case anew:
		m.Forget([]byte{0}, []byte{0xff, 0xff})
	case known != nil && string(known) != identity:
		return nil, errors.Join(fmt.Errorf("%s remembers another log than this cluster's, or is of another version of parley: take another --state, or --from-start to forget it", dir), m.close())
	}
	if m.Get(begunKey) == nil {
		m.Forget([]byte{0}, identityKey) // a beginning was interrupted
	}
	m.Set(identityKey, []byte(identity))
	return m, m.checkpoint()
}

func (m *auditMemory) note(err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("the auditor's folder: %w", err)
	}
}

func (m *auditMemory) Get(key []byte) []byte {
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

func (m *auditMemory) Set(key, value []byte)  { m.note(m.batch.Set(key, value, nil)) }
func (m *auditMemory) Delete(key []byte)      { m.note(m.batch.Delete(key, nil)) }
func (m *auditMemory) Forget(from, to []byte) { m.note(m.batch.DeleteRange(from, to, nil)) }

func (m *auditMemory) Scan(from, to []byte, each func(key, value []byte) bool) {
	i, err := m.batch.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		m.note(err)
		return
	}
	for ok := i.First(); ok && each(i.Key(), i.Value()); ok = i.Next() {
	}
	m.note(i.Close())
}

// checkpoint writes what was learnt. It is not synced: what a power failure leaves is an earlier checkpoint.
func (m *auditMemory) checkpoint() error {
	m.note(m.batch.Commit(pebble.NoSync))
	m.note(m.batch.Close())
	m.batch = m.db.NewIndexedBatch()
	return m.err
}

func (m *auditMemory) close() error { return errors.Join(m.batch.Close(), m.db.Close()) }

// quietLogger drops what Pebble tells about its files; what is fatal comes back as an error or ends the process.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)           {}
func (quietLogger) Errorf(string, ...any)          {}
func (quietLogger) Fatalf(format string, a ...any) { panic("pebble: " + fmt.Sprintf(format, a...)) }

// Generations of views: a view that is built anew has keys of its own beside the old ones. One key for each view holds the
// pointer to the generation that is read.

package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-im/parley/views/store"
)

// tablesOf are the tables of a view, beside its checkpoints.
var tablesOf = map[string][]string{
	store.History: {conversationTable, messageTable}, store.People: {personTable},
}

// At is the same folder at other generations of its views.
func (s *Store) At(generations map[string]int) store.Documents {
	return &Store{folder: s.folder, generations: generations}
}

// Pointer is the pointer of a view, and its version; 0 = there is none.
func (s *Store) Pointer(_ context.Context, view string) (version int64, value []byte, err error) {
	found, closer, err := s.db.Get(pointerKey(view))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer closer.Close()
	if len(found) < positionBytes {
		return 0, nil, damaged(pointerKey(view))
	}
	return int64(binary.BigEndian.Uint64(found)), append([]byte{}, found[positionBytes:]...), nil
}

// SetPointer replaces the pointer by the next version. It is false when another writer was faster.
func (s *Store) SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, _, err := s.Pointer(ctx, view)
	if err != nil || now != version-1 {
		return false, err
	}
	err = s.db.Set(pointerKey(view), document(uint64(version), value), pebble.Sync)
	return err == nil, err
}

// Drop deletes a generation of a view: its checkpoints first, so that a process that still writes to it is refused.
func (s *Store) Drop(_ context.Context, view string, generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewBatch()
	defer batch.Close()
	failed := deleteAll(batch, prefixOf(generation)+checkpointTable+view+"@")
	for _, table := range tablesOf[view] {
		failed = errors.Join(failed, deleteAll(batch, prefixOf(generation)+table))
	}
	return errors.Join(failed, batch.Commit(pebble.Sync))
}

// deleteAll deletes the keys with a prefix.
func deleteAll(batch *pebble.Batch, prefix string) error {
	last := len(prefix) - 1
	return batch.DeleteRange([]byte(prefix), []byte(strings.Clone(prefix[:last])+string(prefix[last]+1)), nil)
}

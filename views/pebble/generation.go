// Generations of views: a view that is built anew has keys of its own beside the old ones. Which generation counts is said by
// one key for each view.

package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Views whose documents are here.
const (
	historyView = "history"
	peopleView  = "people"
)

// tablesOf are the tables of a view, beside its places.
var tablesOf = map[string][]string{historyView: {"conversation/", "message/"}, peopleView: {"person/"}}

// At is the same folder at other generations of its views.
func (s *Store) At(generations map[string]int) *Store {
	return &Store{folder: s.folder, generations: generations}
}

func (s *Store) prefix(view string) string { return prefixOf(s.generations[view]) }

func prefixOf(generation int) string {
	if generation > 1 {
		return "g" + strconv.Itoa(generation) + "/"
	}
	return ""
}

func pointerKey(view string) []byte { return []byte("generations/" + view) }

// Pointer is what is said about the generations of a view, and its version; 0 = nothing.
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

// SetPointer replaces what is said about generations by the next version. It is false when somebody else was quicker.
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

// Drop deletes a generation of a view: its places first, so that whoever still writes to it is refused.
func (s *Store) Drop(_ context.Context, view string, generation int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewBatch()
	defer batch.Close()
	failed := deleteAll(batch, prefixOf(generation)+"place/"+view+"@")
	for _, table := range tablesOf[view] {
		failed = errors.Join(failed, deleteAll(batch, prefixOf(generation)+table))
	}
	return errors.Join(failed, batch.Commit(pebble.Sync))
}

// deleteAll deletes what begins so.
func deleteAll(batch *pebble.Batch, prefix string) error {
	last := len(prefix) - 1
	return batch.DeleteRange([]byte(prefix), []byte(strings.Clone(prefix[:last])+string(prefix[last]+1)), nil)
}

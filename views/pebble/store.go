// Package pebble keeps the documents of the views in a folder: in place of MongoDB on a developer's machine.
//
// Several views of one process share one store. The checkpoint of a view is in the same log as its documents and written
// after them, so what a crash cuts off is folded again.
//
//	conversation/g-1/main        seq and ConversationDocument
//	message/g-1/main#<number>    HistoryMessage
//	person/bob                   version and Person
//	place/history@1/12           next offset of the view in partition 12
//	generations/history          version and value: which generation of the view is read; none = the first
//
// A view that is built anew beside the old one is another generation: its keys begin with g2/, g3/ and so on.
package pebble

import (
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// cacheBytes is the size of the block cache.
const cacheBytes = 32 << 20

// folder is what all generations share.
type folder struct {
	db *pebble.DB
	mu sync.Mutex // one writer at a time: a write compares before it writes
}

// Store is one folder.
type Store struct {
	*folder
	generations map[string]int // of views, by short name; none = 1
}

// Open opens the folder, and creates it when it is not there.
func Open(dir string) (*Store, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{Cache: cache, Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("open the views' folder %s; one process at a time may use it: %w", dir, err)
	}
	return &Store{folder: &folder{db: db}}, nil
}

// Close waits for the writer and closes the folder.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.Close()
}

// quiet drops what Pebble logs about its files; failures are returned as errors or end the process.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic("pebble: " + fmt.Sprintf(format, args...))
}

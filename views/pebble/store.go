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
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

// cacheBytes is the size of the block cache.
const cacheBytes = 32 << 20

// positionBytes is the width of the position before every document: big endian.
const positionBytes = 8

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

// Checkpoint is the offset below which everything is in the store, 0 when the store has none.
func (s *Store) Checkpoint(_ context.Context, view string, partition int32) (int64, error) {
	checkpoint, _, err := positionOf(s.db, s.checkpointKey(view, partition))
	return int64(checkpoint), err
}

// Advance moves the view's checkpoint to the end of the span and returns the checkpoint. Below span.ToOffset it did not
// move, because the store lacks what comes before the span.
func (s *Store) Advance(_ context.Context, span *pb.Span) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.checkpointKey(span.View, span.Partition)
	at, _, err := positionOf(s.db, key)
	if checkpoint := int64(at); err != nil || checkpoint < span.FromOffset || checkpoint >= span.ToOffset {
		return checkpoint, err
	}
	// Not synced: the log of this folder keeps the order, so after a lost checkpoint some records are folded twice.
	return span.ToOffset, s.db.Set(key, document(uint64(span.ToOffset), nil), pebble.NoSync)
}

// Forget makes the view fold the partition again from the log's beginning. The content stays and is compared.
func (s *Store) Forget(_ context.Context, view string, partition int32) error {
	return s.db.Delete(s.checkpointKey(view, partition), pebble.NoSync)
}

// Conversations reads conversations, in the order of the question; nil where there is none.
func (s *Store) Conversations(_ context.Context, keys []string) ([]*pb.ConversationDocument, error) {
	documents := make([]*pb.ConversationDocument, len(keys))
	for i, key := range keys {
		value := &pb.ConversationDocument{}
		found, err := s.read(s.prefix(store.History)+conversationTable+key, value)
		if err != nil {
			return nil, err
		}
		if found {
			documents[i] = value
		}
	}
	return documents, nil
}

// PutConversations writes conversations that are newer than what is there.
func (s *Store) PutConversations(_ context.Context, documents []*pb.ConversationDocument) error {
	return put(s, len(documents), func(i int) (string, uint64, message) {
		return s.prefix(store.History) + conversationTable + documents[i].Conversation, documents[i].Seq, documents[i]
	})
}

// People reads profiles, in the order of the question; nil where there is none.
func (s *Store) People(_ context.Context, users []string) ([]*pb.Person, error) {
	people := make([]*pb.Person, len(users))
	for i, user := range users {
		value := &pb.Person{}
		found, err := s.read(s.prefix(store.People)+personTable+user, value)
		if err != nil {
			return nil, err
		}
		if found {
			people[i] = value
		}
	}
	return people, nil
}

// PutPeople writes profiles that are newer than what is there.
func (s *Store) PutPeople(_ context.Context, people []*pb.Person) error {
	return put(s, len(people), func(i int) (string, uint64, message) {
		return s.prefix(store.People) + personTable + people[i].User, people[i].Version, people[i]
	})
}

// Messages reads the messages with these numbers, both included, by rising number; those that are there.
func (s *Store) Messages(_ context.Context, conversation string, from, to uint64) (messages []*pb.HistoryMessage, err error) {
	for number := from; number <= to; number++ {
		value, closer, err := s.db.Get(s.messageKey(conversation, number))
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m := &pb.HistoryMessage{}
		if err := errors.Join(m.UnmarshalVT(value), closer.Close()); err != nil {
			return nil, fmt.Errorf("message %d of %s: %w", number, conversation, err)
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// PutMessages writes messages. A number has one message for ever, so a repeat writes the same.
func (s *Store) PutMessages(_ context.Context, conversations []*pb.ConversationMessages) error {
	batch := s.db.NewBatch()
	defer batch.Close()
	for _, c := range conversations {
		for _, m := range c.Messages {
			value, err := m.MarshalVT()
			if err != nil {
				return err
			}
			if err := batch.Set(s.messageKey(c.Conversation, m.Number), value, nil); err != nil {
				return err
			}
		}
	}
	return batch.Commit(pebble.NoSync)
}

type message interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// put writes what is newer than what is there.
func put(s *Store, count int, item func(i int) (key string, position uint64, value message)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewIndexedBatch() // indexed: of two of one key in one call the newer one stays
	defer batch.Close()
	for i := range count {
		key, position, value := item(i)
		there, found, err := positionOf(batch, []byte(key))
		if err != nil {
			return err
		}
		if found && there >= position {
			continue
		}
		bytes, err := value.MarshalVT()
		if err != nil {
			return err
		}
		if err := batch.Set([]byte(key), document(position, bytes), nil); err != nil {
			return err
		}
	}
	return batch.Commit(pebble.NoSync)
}

func document(position uint64, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, position), value...)
}

func positionOf(from pebble.Reader, key []byte) (position uint64, found bool, err error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer closer.Close()
	if len(value) < positionBytes {
		return 0, false, damaged(key)
	}
	return binary.BigEndian.Uint64(value), true, nil
}

func (s *Store) read(key string, into message) (bool, error) {
	value, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer closer.Close()
	if len(value) < positionBytes {
		return false, damaged([]byte(key))
	}
	return true, into.UnmarshalVT(value[positionBytes:])
}

func damaged(key []byte) error {
	return fmt.Errorf("%q has no position; the views' folder is damaged: delete it, it is folded again from the log", key)
}

// Conversations, messages, people, and the checkpoints of views.

package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

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

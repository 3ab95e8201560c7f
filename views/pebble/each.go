// The keys of all documents: for comparisons.

package pebble

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-im/parley/views/store"
)

// EachConversation gives the key of every conversation.
func (s *Store) EachConversation(_ context.Context, each func(key string) error) error {
	return s.each(s.prefix(store.History)+conversationTable, each)
}

// EachPerson gives every user who has a profile.
func (s *Store) EachPerson(_ context.Context, each func(user string) error) error {
	return s.each(s.prefix(store.People)+personTable, each)
}

func (s *Store) each(prefix string, each func(string) error) error {
	end := []byte(prefix)
	end[len(end)-1]++
	i, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: end})
	if err != nil {
		return err
	}
	for ok := i.First(); ok && err == nil; ok = i.Next() {
		err = each(string(i.Key()[len(prefix):]))
	}
	return errors.Join(err, i.Close())
}

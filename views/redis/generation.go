// Generations of views: a view that is built anew has keys of its own beside the old ones. One key for each view, replaced as
// a whole, holds the pointer to the generation that is read.

package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/parley-im/parley/views/store"
)

// At is the same Redis at other generations of its views.
func (s *Store) At(generations map[string]int) store.Lists {
	return &Store{client: s.client, partition: s.partition, generations: generations}
}

// Pointer is the pointer of a view, and its version; 0 = there is none.
func (s *Store) Pointer(ctx context.Context, view string) (version int64, value []byte, err error) {
	return pointerOf(s.client.Get(ctx, pointerPrefix+view))
}

func pointerOf(answer *redis.StringCmd) (version int64, value []byte, err error) {
	text, err := answer.Result()
	if errors.Is(err, redis.Nil) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	head, rest, _ := strings.Cut(text, " ")
	version, err = strconv.ParseInt(head, 10, 64)
	return version, []byte(rest), err
}

// errOutrun ends a transaction when another writer was faster.
var errOutrun = errors.New("another writer was faster")

// SetPointer replaces the pointer by the next version. It is false when another writer was faster.
func (s *Store) SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error) {
	key := pointerPrefix + view
	err := s.client.Watch(ctx, func(tx *redis.Tx) error {
		now, _, err := pointerOf(tx.Get(ctx, key))
		if err != nil {
			return err
		}
		if now != version-1 {
			return errOutrun
		}
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, key, strconv.FormatInt(version, 10)+" "+string(value), 0).Err()
		})
		return err
	}, key)
	if errors.Is(err, errOutrun) || errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return err == nil, err
}

// Drop deletes a generation of a view: its checkpoints first, so that a process that still writes to it is refused.
func (s *Store) Drop(ctx context.Context, view string, generation int) error {
	for _, checkpoints := range []bool{true, false} {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			var names []string
			var err error
			if names, cursor, err = s.client.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
				return fmt.Errorf("scan the keys: %w", err)
			}
			if err := s.unlink(ctx, names, view, generation, checkpoints); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlink deletes the keys that belong to a generation, one by one: they are in different slots.
func (s *Store) unlink(ctx context.Context, names []string, view string, generation int, checkpoints bool) error {
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, name := range names {
			key, of, checkpoint := keyOf(name)
			if key.View == view && of == generation && checkpoint == checkpoints {
				pipe.Unlink(ctx, name)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete keys of generation %d of %s: %w", generation, view, err)
	}
	return nil
}

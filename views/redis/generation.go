// Generations of views: a view that is built anew has keys of its own beside the old ones. Which generation counts is said by
// one key for each view, which is replaced as a whole.

package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	pointerPrefix = "generations:" // of the keys that say which generation counts
)

// At is the same Redis at other generations of its views.
func (s *Store) At(generations map[string]int) *Store {
	return &Store{client: s.client, partition: s.partition, generations: generations}
}

func (s *Store) generation(view string) int { return max(s.generations[view], 1) }

func (s *Store) prefix(view string) string {
	if n := s.generation(view); n > 1 {
		return "g" + strconv.Itoa(n) + ":"
	}
	return ""
}

// generationOf takes what a later generation's key begins with from a name.
func generationOf(name string) (generation int, rest string) {
	head, rest, ok := strings.Cut(name, ":")
	if n, err := strconv.Atoi(strings.TrimPrefix(head, "g")); ok && err == nil && n > 1 && strings.HasPrefix(head, "g") {
		return n, rest
	}
	return 1, name
}

// Pointer is what is said about the generations of a view, and its version; 0 = nothing.
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

// errBehind ends a transaction that somebody else was quicker than.
var errBehind = errors.New("somebody else was quicker")

// SetPointer replaces what is said about generations by the next version. It is false when somebody else was quicker.
func (s *Store) SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error) {
	key := pointerPrefix + view
	err := s.client.Watch(ctx, func(tx *redis.Tx) error {
		now, _, err := pointerOf(tx.Get(ctx, key))
		if err != nil {
			return err
		}
		if now != version-1 {
			return errBehind
		}
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			return pipe.Set(ctx, key, strconv.FormatInt(version, 10)+" "+string(value), 0).Err()
		})
		return err
	}, key)
	if errors.Is(err, errBehind) || errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return err == nil, err
}

// Drop deletes a generation of a view: its places first, so that whoever still writes to it is refused.
func (s *Store) Drop(ctx context.Context, view string, generation int) error {
	for _, places := range []bool{true, false} {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			var names []string
			var err error
			if names, cursor, err = s.client.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
				return fmt.Errorf("scan the keys: %w", err)
			}
			if err := s.unlink(ctx, names, view, generation, places); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlink deletes those of some keys that belong to a generation, one by one: they are in different slots.
func (s *Store) unlink(ctx context.Context, names []string, view string, generation int, places bool) error {
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, name := range names {
			key, of, place := keyOf(name)
			if key.View == view && of == generation && place == places {
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

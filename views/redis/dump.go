// Everything that a Redis holds of the views, one key at a time with the place that it is true at: for comparisons.

package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	scanCount   = 1000        // keys that one step of a scan looks at
	headSuffix  = ":head"     // of the hash beside a stream
	placePrefix = "position:" // of the keys of places
)

// Key is a key of a view.
type Key struct {
	View      string // "" = nothing that this package writes
	Partition int32
	Name      string
}

// viewOf says which view writes a table.
var viewOf = map[string]string{"inbox": "inbox", "conversations": "inbox", "order": "inbox", "marks": "bookmark", "presence": "presence"}

// Keys gives every key, places left out. Keys that come or go meanwhile may be met or not.
func (s *Store) Keys(ctx context.Context, each func(Key) error) error {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var names []string
		var err error
		if names, cursor, err = s.client.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
			return fmt.Errorf("scan the keys: %w", err)
		}
		for _, name := range names {
			if strings.HasPrefix(name, placePrefix) {
				continue
			}
			if err := each(keyOf(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyOf takes a key's name apart.
func keyOf(name string) Key {
	key := Key{Name: name}
	table, rest, _ := strings.Cut(name, ":{")
	partition, _, ok := strings.Cut(rest, "}:")
	n, err := strconv.ParseInt(partition, 10, 32)
	if ok && err == nil {
		key.View, key.Partition = viewOf[table], int32(n)
	}
	return key
}

// Dump is a key's content as text, with the place of its view (by its full name) at the same moment.
func (s *Store) Dump(ctx context.Context, view string, key Key) (place int64, content string, err error) {
	var at *redis.StringCmd
	var words func() string
	_, err = s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		at = pipe.Get(ctx, placeKey(view, key.Partition))
		words = ask(ctx, pipe, key.Name)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, "", fmt.Errorf("read %s: %w", key.Name, err)
	}
	place, err = placeOf(at)
	return place, words(), err
}

// ask asks for a key as what its table holds.
func ask(ctx context.Context, pipe redis.Pipeliner, name string) func() string {
	var lines []string
	switch {
	case strings.HasPrefix(name, "inbox:") && !strings.HasSuffix(name, headSuffix):
		events := pipe.XRange(ctx, name, "-", "+")
		return func() string {
			for _, e := range events.Val() {
				lines = append(lines, fmt.Sprintf("%s %q", e.ID, e.Values["e"]))
			}
			return strings.Join(lines, "\n")
		}
	case strings.HasPrefix(name, "order:"):
		members := pipe.ZRangeWithScores(ctx, name, 0, -1)
		return func() string {
			for _, m := range members.Val() {
				lines = append(lines, fmt.Sprintf("%.0f %v", m.Score, m.Member))
			}
			return strings.Join(lines, "\n")
		}
	}
	fields := pipe.HGetAll(ctx, name)
	return func() string {
		for field, value := range fields.Val() {
			lines = append(lines, fmt.Sprintf("%s %q", field, value))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
}

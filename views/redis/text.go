// The content of keys as text, with the checkpoint that it is true at: for comparisons.

package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/parley-im/parley/views/store"
)

// EachKey gives every key of the generations that this store is at, and keys that no view writes; checkpoints left out.
// Keys that come or go meanwhile may be given or not, or twice.
func (s *Store) EachKey(ctx context.Context, each func(store.Key) error) error {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var names []string
		var err error
		if names, cursor, err = s.client.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
			return fmt.Errorf("scan the keys: %w", err)
		}
		for _, name := range names {
			key, generation, checkpoint := keyOf(name)
			if checkpoint || strings.HasPrefix(name, pointerPrefix) || key.View != "" && generation != s.generation(key.View) {
				continue
			}
			if err := each(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// KeysOf are the keys that a view writes for one user, or, marks, for one conversation in a partition.
func (s *Store) KeysOf(view string, partition int32, name string) []store.Key {
	var tables []string
	for table, of := range viewOf {
		if of == view {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	var keys []store.Key
	for _, table := range tables {
		key := store.Key{View: view, Partition: partition, Name: table + ":" + tag(partition) + ":" + name}
		if keys = append(keys, key); table == "inbox" {
			key.Name += headSuffix
			keys = append(keys, key)
		}
	}
	return keys
}

// Text is a key's content as text, with the view's checkpoint at the same moment.
func (s *Store) Text(ctx context.Context, view string, key store.Key) (checkpoint int64, text string, err error) {
	checkpoint, texts, err := s.TextAll(ctx, view, []store.Key{key})
	if err != nil {
		return 0, "", err
	}
	return checkpoint, texts[0], nil
}

// TextAll is Text of keys of one partition, all at the same moment.
func (s *Store) TextAll(ctx context.Context, view string, keys []store.Key) (checkpoint int64, texts []string, err error) {
	var at *redis.StringCmd
	answers := make([]func() string, len(keys))
	_, err = s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		at = pipe.Get(ctx, s.checkpointKey(view, keys[0].Partition))
		for i, key := range keys {
			answers[i] = askText(ctx, pipe, s.prefix(key.View), key.Name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, nil, fmt.Errorf("read %s: %w", keys[0].Name, err)
	}
	for _, answer := range answers {
		texts = append(texts, answer())
	}
	checkpoint, err = checkpointOf(at)
	return checkpoint, texts, err
}

// askText reads a key as the type that its table has.
func askText(ctx context.Context, pipe redis.Pipeliner, prefix, name string) func() string {
	var lines []string
	full := prefix + name
	switch {
	case strings.HasPrefix(name, "inbox:") && !strings.HasSuffix(name, headSuffix):
		entries := pipe.XRange(ctx, full, "-", "+")
		return func() string { return textOf(entries.Val()) }
	case strings.HasPrefix(name, "order:"):
		members := pipe.ZRangeWithScores(ctx, full, 0, -1)
		return func() string {
			for _, m := range members.Val() {
				lines = append(lines, fmt.Sprintf("%.0f %v", m.Score, m.Member))
			}
			return strings.Join(lines, "\n")
		}
	}
	fields := pipe.HGetAll(ctx, full)
	return func() string {
		for field, value := range fields.Val() {
			lines = append(lines, fmt.Sprintf("%s %q", field, value))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
}

// textOf is a line for each event that is kept. How they are cut into runs does not show: it depends on batches.
func textOf(entries []redis.XMessage) string {
	events, err := eventsOf(entries)
	if err != nil {
		return err.Error()
	}
	if len(events) == 0 {
		return ""
	}
	newest := events[len(events)-1].InboxSeq
	var lines []string
	for _, event := range within(events, oldest(newest), newest) {
		value, err := event.MarshalVT()
		if err != nil {
			return err.Error()
		}
		lines = append(lines, fmt.Sprintf("%d %q", event.InboxSeq, value))
	}
	return strings.Join(lines, "\n")
}

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

// Key is a key of a view, without what it begins with in a later generation.
type Key struct {
	View      string // "" = nothing that this package writes
	Partition int32
	Name      string
}

// viewOf says which view writes a table.
var viewOf = map[string]string{"inbox": "inbox", "conversations": "inbox", "order": "inbox", "marks": "bookmark", "presence": "presence"}

// Keys gives every key of the generations that this store is at, and what nobody of the house writes; places left out. Keys
// that come or go meanwhile may be met or not, or twice.
func (s *Store) Keys(ctx context.Context, each func(Key) error) error {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var names []string
		var err error
		if names, cursor, err = s.client.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
			return fmt.Errorf("scan the keys: %w", err)
		}
		for _, name := range names {
			key, generation, place := keyOf(name)
			if place || strings.HasPrefix(name, pointerPrefix) || key.View != "" && generation != s.generation(key.View) {
				continue
			}
			if err := each(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyOf takes a key's name apart. What is not written by the house has no view.
func keyOf(name string) (key Key, generation int, place bool) {
	generation, rest := generationOf(name)
	key.Name = rest
	table, rest, _ := strings.Cut(rest, ":{")
	partition, what, ok := strings.Cut(rest, "}:")
	n, err := strconv.ParseInt(partition, 10, 32)
	if ok && err == nil {
		key.View, key.Partition = viewOf[table], int32(n)
	}
	if place = table+":" == placePrefix; place {
		key.View, _, _ = strings.Cut(what, "@")
	}
	if key.View == "" {
		key.Name = name
	}
	return key, generation, place
}

// KeysOf are the keys that a view (by its short name) writes for one user, or, marks, for one conversation in a partition.
func (s *Store) KeysOf(view string, partition int32, name string) []Key {
	var tables []string
	for table, of := range viewOf {
		if of == view {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	var keys []Key
	for _, table := range tables {
		key := Key{View: view, Partition: partition, Name: table + ":" + tag(partition) + ":" + name}
		if keys = append(keys, key); table == "inbox" {
			key.Name += headSuffix
			keys = append(keys, key)
		}
	}
	return keys
}

// Dump is a key's content as text, with the place of its view (by its full name) at the same moment.
func (s *Store) Dump(ctx context.Context, view string, key Key) (place int64, content string, err error) {
	place, contents, err := s.DumpAll(ctx, view, []Key{key})
	if err != nil {
		return 0, "", err
	}
	return place, contents[0], nil
}

// DumpAll is Dump of keys of one partition, all at the same moment.
func (s *Store) DumpAll(ctx context.Context, view string, keys []Key) (place int64, contents []string, err error) {
	var at *redis.StringCmd
	words := make([]func() string, len(keys))
	_, err = s.client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		at = pipe.Get(ctx, s.placeKey(view, keys[0].Partition))
		for i, key := range keys {
			words[i] = ask(ctx, pipe, s.prefix(key.View), key.Name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, nil, fmt.Errorf("read %s: %w", keys[0].Name, err)
	}
	for _, w := range words {
		contents = append(contents, w())
	}
	place, err = placeOf(at)
	return place, contents, err
}

// ask asks for a key as what its table holds.
func ask(ctx context.Context, pipe redis.Pipeliner, prefix, name string) func() string {
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

// textOf is a line for each event that is kept: how they are cut into runs is nobody's business.
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

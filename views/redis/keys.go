// Names of keys: tables, partitions and generations.

package redis

import (
	"strconv"
	"strings"

	"github.com/parley-im/parley/views/store"
)

const (
	headSuffix       = ":head"        // of the hash beside a stream
	checkpointPrefix = "position:"    // of the keys of checkpoints
	pointerPrefix    = "generations:" // of the keys of pointers
)

// scanCount is how many keys one step of a scan examines.
const scanCount = 1000

// viewOf is which view writes a table.
var viewOf = map[string]string{
	"inbox": store.Inbox, "conversations": store.Inbox, "order": store.Inbox, "marks": store.Bookmark, "presence": store.Presence,
}

func (s *Store) generation(view string) int { return max(s.generations[view], 1) }

// prefix begins the keys of a view in the generation that the store is at.
func (s *Store) prefix(view string) string {
	if n := s.generation(view); n > 1 {
		return "g" + strconv.Itoa(n) + ":"
	}
	return ""
}

func (s *Store) checkpointKey(view string, partition int32) string {
	return s.prefix(store.ViewOf(view)) + checkpointPrefix + tag(partition) + ":" + view
}

// key is the key of a name in a table. Names follow the grammar of ids, so they hold no brace.
func (s *Store) key(table, user, name string) string {
	return s.prefix(viewOf[table]) + table + ":" + tag(s.partition(user)) + ":" + name
}

func tag(partition int32) string { return "{" + strconv.Itoa(int(partition)) + "}" }

// keyOf parses a key's name. What no view writes has no view.
func keyOf(name string) (key store.Key, generation int, checkpoint bool) {
	generation, rest := generationOf(name)
	key.Name = rest
	table, rest, _ := strings.Cut(rest, ":{")
	partition, what, ok := strings.Cut(rest, "}:")
	n, err := strconv.ParseInt(partition, 10, 32)
	if ok && err == nil {
		key.View, key.Partition = viewOf[table], int32(n)
	}
	if checkpoint = table+":" == checkpointPrefix; checkpoint {
		key.View = store.ViewOf(what)
	}
	if key.View == "" {
		key.Name = name
	}
	return key, generation, checkpoint
}

// generationOf splits the prefix of a later generation from a key's name.
func generationOf(name string) (generation int, rest string) {
	head, rest, ok := strings.Cut(name, ":")
	if n, err := strconv.Atoi(strings.TrimPrefix(head, "g")); ok && err == nil && n > 1 && strings.HasPrefix(head, "g") {
		return n, rest
	}
	return 1, name
}

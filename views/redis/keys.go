// Names of keys: tables, partitions and generations.

package redis

import (
	"strconv"

	"github.com/parley-im/parley/views/store"
)

const (
	headSuffix       = ":head"     // of the hash beside a stream
	checkpointPrefix = "position:" // of the keys of checkpoints
)

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

// Names of keys: generations, tables and partitions.

package pebble

import (
	"encoding/binary"
	"strconv"

	"github.com/parley-im/parley/views/store"
)

// Tables: what keys begin with behind the prefix of their generation.
const (
	conversationTable = "conversation/"
	messageTable      = "message/"
	personTable       = "person/"
	checkpointTable   = "place/"
)

// prefix begins the keys of a view in the generation that the store is at.
func (s *Store) prefix(view string) string { return prefixOf(s.generations[view]) }

func prefixOf(generation int) string {
	if generation > 1 {
		return "g" + strconv.Itoa(generation) + "/"
	}
	return ""
}

func pointerKey(view string) []byte { return []byte("generations/" + view) }

func (s *Store) checkpointKey(view string, partition int32) []byte {
	return []byte(s.prefix(store.ViewOf(view)) + checkpointTable + view + "/" + strconv.Itoa(int(partition)))
}

func (s *Store) messageKey(conversation string, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(s.prefix(store.History)+messageTable+conversation+"#"), number)
}

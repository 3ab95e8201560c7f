// What a view wrote last, so that it need not read it again: a busy conversation stays busy.
//
// A fold gives the same result in every process, and a write loses to what is newer, so an entry may be older than the store
// without harm. What it may never do is survive a loss in the store: a cache belongs to the progress in a partition and is
// dropped whenever that goes back, switches to another generation, or begins.

package views

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// cacheSize is how many lines, or conversations, are kept for each partition. What a batch has more is read again.
const cacheSize = 512

// cache is of one partition and one generation.
type cache struct {
	lines     *simplelru.LRU[lineKey, *pb.ConversationSummary]
	documents *simplelru.LRU[string, *pb.ConversationDocument]
}

// lineKey names a line of a person's list of conversations.
type lineKey struct{ user, conversation string }

func newCache() *cache {
	lines, _ := simplelru.NewLRU[lineKey, *pb.ConversationSummary](cacheSize, nil) // only a size below 1 is an error
	documents, _ := simplelru.NewLRU[string, *pb.ConversationDocument](cacheSize, nil)
	return &cache{lines, documents}
}

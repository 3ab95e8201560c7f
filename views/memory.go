// What a view wrote last, so that it need not read it again: talk goes on where it went on just now.
//
// A fold gives the same whoever folds it, and a write loses to what is newer, so what stands here may be older than the store
// without harm. What it may never do is survive a loss in the store: it belongs to the progress in a partition and is
// forgotten whenever that goes back, turns to another generation, or begins.

package views

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// memorySize is how many lines, or conversations, are kept for each partition. What a batch has more is read again.
const memorySize = 512

// memory is of one partition and one generation; nil keeps nothing.
type memory struct {
	lines     *simplelru.LRU[lineKey, *pb.ConversationSummary]
	documents *simplelru.LRU[string, *pb.ConversationDocument]
}

func newMemory() *memory {
	lines, _ := simplelru.NewLRU[lineKey, *pb.ConversationSummary](memorySize, nil) // only a size below 1 is an error
	documents, _ := simplelru.NewLRU[string, *pb.ConversationDocument](memorySize, nil)
	return &memory{lines, documents}
}

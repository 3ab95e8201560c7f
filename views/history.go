// The view history: membership first, then the messages, then the checkpoint.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/history"
	"github.com/parley-im/parley/views/store"
)

// historyStore is what the view history needs of its store.
type historyStore interface {
	store.Checkpoints
	Conversations(ctx context.Context, keys []string) ([]*pb.ConversationDocument, error)
	PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error
	PutMessages(ctx context.Context, messages []*pb.ConversationMessages) error
	Advance(ctx context.Context, span *pb.Span) (int64, error)
}

// foldHistory reads the conversations that the batch changes and the cache lacks, folds, and writes them before their
// messages.
func foldHistory(to historyStore) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		changes := readHistory(&b)
		checkpoint, err := readDocuments(ctx, to, &b, changes)
		if err != nil || checkpoint < b.span.FromOffset {
			return checkpoint, err
		}
		var changed []*pb.ConversationDocument
		var messages []*pb.ConversationMessages
		for _, c := range changes {
			document, whole := history.Fold(c.before, c.conversation, c.events...), history.Whole(c.before, c.events...)
			if !whole && !b.fromStart {
				// The store has its checkpoint but not all that belongs below it: everything is folded again.
				return 0, to.Forget(ctx, b.span.View, b.span.Partition)
			}
			if !whole {
				b.gap(c.conversation)
			}
			if document != c.before {
				changed = append(changed, document)
			}
			if sent := c.messages(); len(sent) > 0 {
				messages = append(messages, &pb.ConversationMessages{Conversation: c.conversation, Messages: sent})
			}
		}
		if err := to.PutConversations(ctx, changed); err != nil {
			return 0, err
		}
		if err := to.PutMessages(ctx, messages); err != nil {
			return 0, err
		}
		for _, document := range changed {
			b.cache.documents.Add(document.Conversation, document)
		}
		return to.Advance(ctx, b.span)
	}
}

// documentChange is the events of a batch in one conversation.
type documentChange struct {
	conversation string
	before       *pb.ConversationDocument
	events       []*pb.ConversationEvent
}

// messages are the messages sent, each number once. Also those that the document has already: a crash may have come between
// the document and its messages. A number at or below an earlier one is a repeat by a stale owner of the partition.
func (c *documentChange) messages() []*pb.HistoryMessage {
	var sent []*pb.HistoryMessage
	highest := uint64(0)
	for _, event := range c.events {
		if message := history.Message(event); message != nil && message.Number > highest {
			sent = append(sent, message)
			highest = message.Number
		}
	}
	return sent
}

// readHistory decodes the records, and gathers the events of each conversation, in the order of their first record.
func readHistory(b *batch) []*documentChange {
	var changes []*documentChange
	byKey := map[string]*documentChange{}
	for i := range b.records {
		record := &b.records[i]
		event := decode[pb.ConversationEvent](b, record)
		if event == nil {
			continue
		}
		if !history.Valid(record.Key, event) {
			b.skip(record, "no conversation has such a key or event")
			continue
		}
		c := byKey[record.Key]
		if c == nil {
			c = &documentChange{conversation: record.Key}
			byKey[record.Key] = c
			changes = append(changes, c)
		}
		c.events = append(c.events, event)
	}
	return changes
}

// readDocuments finds the documents before the batch, and returns the store's checkpoint if the store was read. A store that
// is not read may have lost its checkpoint: what is written now is there already when all is folded again.
func readDocuments(ctx context.Context, from historyStore, b *batch, changes []*documentChange) (int64, error) {
	var unknown []*documentChange
	var keys []string
	for _, c := range changes {
		known := false
		if c.before, known = b.cache.documents.Get(c.conversation); !known {
			unknown, keys = append(unknown, c), append(keys, c.conversation)
		}
	}
	if len(unknown) == 0 && len(changes) > 0 {
		return b.span.FromOffset, nil
	}
	checkpoint, err := from.Checkpoint(ctx, b.span.View, b.span.Partition)
	if err != nil || checkpoint < b.span.FromOffset {
		return checkpoint, err
	}
	before, err := from.Conversations(ctx, keys)
	if err != nil {
		return 0, err
	}
	for i, c := range unknown {
		c.before = before[i]
		b.cache.documents.Add(c.conversation, c.before)
	}
	return checkpoint, nil
}

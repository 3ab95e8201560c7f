// The view history: membership first, then the messages, then the place.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/history"
	"github.com/parley-im/parley/views/store"
)

// chapter is what a batch says of one conversation.
type chapter struct {
	conversation string
	before       *pb.ConversationDocument
	events       []*pb.ConversationEvent
}

// foldHistory reads the conversations that the batch touches and nobody remembers, folds, and writes them before their
// messages.
func foldHistory(documents store.Documents, skip skip) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		chapters := readChapters(b, skip)
		place, err := readDocuments(ctx, documents, b, chapters)
		if err != nil || place < b.span.FromOffset {
			return place, err
		}
		var changed []*pb.ConversationDocument
		var messages []*pb.ConversationMessages
		for _, c := range chapters {
			document, whole := history.Fold(c.before, c.conversation, c.events...), history.Whole(c.before, c.events...)
			if !whole && !b.whole {
				// The store has its place but not all that belongs below it: everything is folded again.
				return 0, documents.Forget(ctx, b.span.View, b.span.Partition)
			}
			if !whole {
				b.hole(c.conversation)
			}
			if document != c.before {
				changed = append(changed, document)
			}
			if said := c.messages(); len(said) > 0 {
				messages = append(messages, &pb.ConversationMessages{Conversation: c.conversation, Messages: said})
			}
		}
		if err := documents.PutConversations(ctx, changed); err != nil {
			return 0, err
		}
		if err := documents.PutMessages(ctx, messages); err != nil {
			return 0, err
		}
		for _, document := range changed {
			b.memory.documents.Add(document.Conversation, document)
		}
		return documents.Advance(ctx, b.span)
	}
}

// readChapters opens the records, by conversation in the order of their first record.
func readChapters(b batch, skip skip) []*chapter {
	var chapters []*chapter
	byKey := map[string]*chapter{}
	for i := range b.records {
		record := &b.records[i]
		event := decode[pb.ConversationEvent](record, skip)
		if event == nil {
			continue
		}
		if !history.Valid(record.Key, event) {
			skip(record, "no conversation has such a key or event")
			continue
		}
		c := byKey[record.Key]
		if c == nil {
			c = &chapter{conversation: record.Key}
			byKey[record.Key] = c
			chapters = append(chapters, c)
		}
		c.events = append(c.events, event)
	}
	return chapters
}

// readDocuments finds the documents before the batch, and answers the place that the store has if it was asked. A store that
// is not asked may have lost its place: then what is written now is there already when all is folded again.
func readDocuments(ctx context.Context, documents store.Documents, b batch, chapters []*chapter) (int64, error) {
	var unknown []*chapter
	var keys []string
	for _, c := range chapters {
		known := false
		if c.before, known = b.memory.documents.Get(c.conversation); !known {
			unknown, keys = append(unknown, c), append(keys, c.conversation)
		}
	}
	if len(unknown) == 0 && len(chapters) > 0 {
		return b.span.FromOffset, nil
	}
	place, err := documents.Checkpoint(ctx, b.span.View, b.span.Partition)
	if err != nil || place < b.span.FromOffset {
		return place, err
	}
	before, err := documents.Conversations(ctx, keys)
	if err != nil {
		return 0, err
	}
	for i, c := range unknown {
		c.before = before[i]
		b.memory.documents.Add(c.conversation, c.before)
	}
	return place, nil
}

// messages are what the chapter says, each number once. Also those that the document has already: a crash may have come
// between the document and its messages. A number below one that was met is a repeat by a stale owner of the partition.
func (c *chapter) messages() []*pb.HistoryMessage {
	var said []*pb.HistoryMessage
	highest := uint64(0)
	for _, event := range c.events {
		if message := history.Message(event); message != nil && message.Number > highest {
			said = append(said, message)
			highest = message.Number
		}
	}
	return said
}

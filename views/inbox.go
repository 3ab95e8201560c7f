// The view inbox: events into streams, and lines of lists folded from what the store has.

package views

import (
	"context"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
)

// foldInbox reads the lines that the batch touches, folds, and writes streams and lines in one go.
func foldInbox(lists Lists, skip skip) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		entries, touched := readInbox(b, skip)
		place, lines, err := lists.Lines(ctx, b.span, touched)
		if err != nil || place < b.span.FromOffset {
			return place, err
		}
		return lists.PutInbox(ctx, b.span, entries, foldLines(entries, touched, lines))
	}
}

// readInbox opens the records, and names each line that they touch once.
func readInbox(b batch, skip skip) (entries []*v1.InboxEntry, touched []*v1.InboxLine) {
	seen := map[lineKey]bool{}
	for i := range b.records {
		record := &b.records[i]
		event := decode[v1.InboxEvent](record, skip)
		if event == nil {
			continue
		}
		if !inbox.Valid(record.Key, event) {
			skip(record, "no inbox has such a key or event")
			continue
		}
		entries = append(entries, &v1.InboxEntry{User: record.Key, Event: event})
		key := lineKey{record.Key, inbox.Conversation(event)}
		if key.conversation == "" || seen[key] {
			continue
		}
		seen[key] = true
		touched = append(touched, &v1.InboxLine{
			User: key.user, Summary: &v1.ConversationSummary{Conversation: key.conversation},
		})
	}
	return entries, touched
}

type lineKey struct{ user, conversation string }

// foldLines folds the events into the lines that were read, and answers those that changed.
func foldLines(entries []*v1.InboxEntry, touched []*v1.InboxLine, lines []*v1.ConversationSummary) []*v1.InboxLine {
	now := make(map[lineKey]*v1.ConversationSummary, len(touched))
	for i, line := range touched {
		now[lineKey{line.User, line.Summary.Conversation}] = lines[i]
	}
	for _, entry := range entries {
		key := lineKey{entry.User, inbox.Conversation(entry.Event)}
		if key.conversation != "" {
			now[key] = inbox.Fold(entry.User, now[key], entry.Event)
		}
	}
	var changed []*v1.InboxLine
	for i, line := range touched {
		summary := now[lineKey{line.User, line.Summary.Conversation}]
		if summary != lines[i] {
			changed = append(changed, &v1.InboxLine{User: line.User, Summary: summary})
		}
	}
	return changed
}

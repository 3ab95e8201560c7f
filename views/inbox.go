// The view inbox: events into streams, and lines of lists folded from what the store has.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
)

// inboxStore is what the view inbox needs of its store.
type inboxStore interface {
	Lines(ctx context.Context, span *pb.Span, wanted []*pb.InboxLine) (int64, []*pb.ConversationSummary, error)
	PutInbox(ctx context.Context, span *pb.Span, entries []*pb.InboxEntry, lines []*pb.InboxLine) (int64, error)
}

// foldInbox reads the lines that the batch changes and the cache lacks, folds, and writes streams and lines together.
func foldInbox(to inboxStore) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		entries, changes := readInbox(&b)
		checkpoint, lines, err := readLines(ctx, to, &b, changes)
		if err != nil || checkpoint < b.span.FromOffset {
			return checkpoint, err
		}
		changed := foldLines(changes, lines)
		checkpoint, err = to.PutInbox(ctx, b.span, entries, changed)
		if err == nil && checkpoint >= b.span.ToOffset {
			for _, line := range changed {
				b.cache.lines.Add(keyOf(line), line.Summary)
			}
		}
		return checkpoint, err
	}
}

// lineChange is the events of a batch that concern one line.
type lineChange struct {
	lineKey
	events []*pb.InboxEvent
}

func keyOf(line *pb.InboxLine) lineKey { return lineKey{line.User, line.Summary.Conversation} }

// readInbox decodes the records, and gathers the events of each line.
func readInbox(b *batch) (entries []*pb.InboxEntry, changes []*lineChange) {
	lines := map[lineKey]*lineChange{}
	for i := range b.records {
		record := &b.records[i]
		event := decode[pb.InboxEvent](b, record)
		if event == nil {
			continue
		}
		if !inbox.Valid(record.Key, event) {
			b.skip(record, "no inbox has such a key or event")
			continue
		}
		entries = append(entries, &pb.InboxEntry{User: record.Key, Event: event})
		key := lineKey{record.Key, inbox.Conversation(event)}
		if key.conversation == "" {
			continue
		}
		line := lines[key]
		if line == nil {
			line = &lineChange{lineKey: key}
			lines[key], changes = line, append(changes, line)
		}
		line.events = append(line.events, event)
	}
	return entries, changes
}

// readLines returns lines, nil where there is none, and the store's checkpoint if the store was read.
func readLines(ctx context.Context, from inboxStore, b *batch, changes []*lineChange) (int64, []*pb.ConversationSummary, error) {
	lines := make([]*pb.ConversationSummary, len(changes))
	var unknown []*pb.InboxLine
	var at []int
	for i, line := range changes {
		known := false
		if lines[i], known = b.cache.lines.Get(line.lineKey); !known {
			unknown = append(unknown, &pb.InboxLine{User: line.user, Summary: &pb.ConversationSummary{Conversation: line.conversation}})
			at = append(at, i)
		}
	}
	if len(unknown) == 0 {
		return b.span.FromOffset, lines, nil // the write checks the checkpoint too
	}
	checkpoint, read, err := from.Lines(ctx, b.span, unknown)
	if err != nil || checkpoint < b.span.FromOffset {
		return checkpoint, nil, err
	}
	for i, line := range unknown {
		lines[at[i]] = read[i]
		b.cache.lines.Add(keyOf(line), read[i])
	}
	return checkpoint, lines, nil
}

// foldLines folds events into the lines that were read, and returns the lines that changed.
func foldLines(changes []*lineChange, lines []*pb.ConversationSummary) []*pb.InboxLine {
	var changed []*pb.InboxLine
	for i, line := range changes {
		if summary := inbox.Fold(line.user, lines[i], line.events...); summary != lines[i] {
			changed = append(changed, &pb.InboxLine{User: line.user, Summary: summary})
		}
	}
	return changed
}

// The view inbox: events into streams, and lines of lists folded from what the store has.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/inbox"
	"github.com/parley-im/parley/views/store"
)

// foldInbox reads the lines that the batch touches and nobody remembers, folds, and writes streams and lines in one go.
func foldInbox(lists store.Lists, skip skip) fold {
	return func(ctx context.Context, b batch) (int64, error) {
		entries, touched := readInbox(b, skip)
		place, lines, err := readLines(ctx, lists, b, touched)
		if err != nil || place < b.span.FromOffset {
			return place, err
		}
		changed := foldLines(touched, lines)
		place, err = lists.PutInbox(ctx, b.span, entries, changed)
		if err == nil && place >= b.span.ToOffset {
			for _, line := range changed {
				b.memory.lines.Add(keyOf(line), line.Summary)
			}
		}
		return place, err
	}
}

// readLines answers lines, nil where there is none, and the place that the store has if it was asked.
func readLines(ctx context.Context, lists store.Lists, b batch, touched []*touch) (int64, []*pb.ConversationSummary, error) {
	lines := make([]*pb.ConversationSummary, len(touched))
	var unknown []*pb.InboxLine
	var at []int
	for i, line := range touched {
		known := false
		if lines[i], known = b.memory.lines.Get(line.lineKey); !known {
			unknown = append(unknown, &pb.InboxLine{User: line.user, Summary: &pb.ConversationSummary{Conversation: line.conversation}})
			at = append(at, i)
		}
	}
	if len(unknown) == 0 {
		return b.span.FromOffset, lines, nil // the write looks at the place too
	}
	place, read, err := lists.Lines(ctx, b.span, unknown)
	if err != nil || place < b.span.FromOffset {
		return place, nil, err
	}
	for i, line := range unknown {
		lines[at[i]] = read[i]
		b.memory.lines.Add(keyOf(line), read[i])
	}
	return place, lines, nil
}

// readInbox opens the records, and tells each line that they touch once with what is said in it.
func readInbox(b batch, skip skip) (entries []*pb.InboxEntry, touched []*touch) {
	lines := map[lineKey]*touch{}
	for i := range b.records {
		record := &b.records[i]
		event := decode[pb.InboxEvent](record, skip)
		if event == nil {
			continue
		}
		if !inbox.Valid(record.Key, event) {
			skip(record, "no inbox has such a key or event")
			continue
		}
		entries = append(entries, &pb.InboxEntry{User: record.Key, Event: event})
		key := lineKey{record.Key, inbox.Conversation(event)}
		if key.conversation == "" {
			continue
		}
		line := lines[key]
		if line == nil {
			line = &touch{lineKey: key}
			lines[key], touched = line, append(touched, line)
		}
		line.events = append(line.events, event)
	}
	return entries, touched
}

type lineKey struct{ user, conversation string }

func keyOf(line *pb.InboxLine) lineKey { return lineKey{line.User, line.Summary.Conversation} }

// touch is what a batch says in one line.
type touch struct {
	lineKey
	events []*pb.InboxEvent
}

// foldLines folds what was said into the lines that were read, and answers those that changed.
func foldLines(touched []*touch, lines []*pb.ConversationSummary) []*pb.InboxLine {
	var changed []*pb.InboxLine
	for i, line := range touched {
		if summary := inbox.Fold(line.user, lines[i], line.events...); summary != lines[i] {
			changed = append(changed, &pb.InboxLine{User: line.user, Summary: summary})
		}
	}
	return changed
}

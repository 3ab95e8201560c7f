// What a person reads of the own inbox: where it is, what came behind a cursor, and the list of conversations.

package serve

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// maxAnswer bounds an answer's events, in bytes: the next question goes on from there.
const maxAnswer = 4 << 20

// Head gives the newest numbers of inboxes.
func (s *Service) Head(ctx context.Context, q *pb.HeadQuery) (*pb.HeadAnswer, error) {
	if err := within("users", len(q.Users), MaxHeads); err != nil {
		return nil, err
	}
	heads, err := s.lists.Heads(ctx, q.Users)
	return &pb.HeadAnswer{Heads: heads}, err
}

// Difference gives the events behind a cursor, contiguous, or why it cannot: the cursor is ahead of the view (wait), or the
// events are not kept any more (take a snapshot).
func (s *Service) Difference(ctx context.Context, q *pb.DifferenceQuery) (*pb.DifferenceAnswer, error) {
	if err := within("limit", int(q.Limit), MaxEvents); err != nil {
		return nil, err
	}
	after := q.Cursor.GetInboxSeq()
	part, err := s.lists.InboxPart(ctx, q.User, after, int(q.Limit))
	if err != nil {
		return nil, err
	}
	answer := &pb.DifferenceAnswer{Head: part.Head}
	switch {
	case after > 0 && part.Head.Epoch != 0 && q.Cursor.GetEpoch() != part.Head.Epoch:
		answer.SnapshotNeeded = true
	case after > part.Head.InboxSeq:
		answer.Behind = true
	case after < part.Head.InboxSeq && (part.OldestInboxSeq == 0 || after+1 < part.OldestInboxSeq):
		answer.SnapshotNeeded = true
	default:
		answer.Events = contiguous(part.Events, after)
	}
	return answer, nil
}

// contiguous cuts events where a number is missing or the answer would become too large.
func contiguous(events []*pb.InboxEvent, after uint64) []*pb.InboxEvent {
	size := 0
	for i, event := range events {
		size += event.SizeVT()
		if event.InboxSeq != after+1+uint64(i) || i > 0 && size > maxAnswer {
			return events[:i]
		}
	}
	return events
}

// Conversations lists a person's conversations, latest first. The cursor is read first.
func (s *Service) Conversations(ctx context.Context, q *pb.ConversationsQuery) (*pb.ConversationsAnswer, error) {
	if err := within("limit", int(q.Limit), MaxConversations); err != nil {
		return nil, err
	}
	cursor, lines, err := s.lists.Conversations(ctx, q.User, int(q.Limit))
	if err != nil {
		return nil, err
	}
	if err := s.complete(ctx, q.User, lines); err != nil {
		return nil, err
	}
	wanted := make([]*pb.MemberMarks, len(lines))
	for i, line := range lines {
		wanted[i] = &pb.MemberMarks{User: q.User, Conversation: line.Conversation}
	}
	marks, err := s.lists.Marks(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		line.Marks = higher(line.Marks, marks[i])
	}
	return &pb.ConversationsAnswer{Cursor: cursor, Conversations: lines}, nil
}

// complete fills lines whose beginning is no longer in the inbox's log (they were folded again after Redis was lost) from
// the conversation itself, which is kept for ever.
func (s *Service) complete(ctx context.Context, user string, lines []*pb.ConversationSummary) error {
	var keys []string
	var partial []*pb.ConversationSummary
	for _, line := range lines {
		if line.Kind == pb.Kind_KIND_UNSPECIFIED {
			keys, partial = append(keys, line.Conversation), append(partial, line)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	documents, err := s.documents.Conversations(ctx, keys)
	if err != nil {
		return err
	}
	for i, line := range partial {
		member := memberOf(documents[i], user)
		if member == nil {
			continue
		}
		line.Kind, line.SinceNumber = documents[i].Kind, member.SinceNumber
		if line.Title == nil {
			line.Title = documents[i].Title
		}
	}
	return nil
}

// higher joins two states of marks, which both only rise.
func higher(a, b *pb.Marks) *pb.Marks {
	return &pb.Marks{Delivered: max(a.GetDelivered(), b.GetDelivered()), Read: max(a.GetRead(), b.GetRead())}
}

// Package serve is the query service: it answers reads from what the views keep, over the network. It asks no processor, and
// every answer carries its position.
//
// Strangers and conversations that do not exist get the same answer: found = false, after the same single read.
package serve

import (
	"context"
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Limits of a question, as the schema documents them; counts.
const (
	MaxHeads         = 1000
	MaxEvents        = 500
	MaxConversations = 200
	MaxMessages      = 100
	MaxPeople        = 200
)

// maxAnswer bounds an answer's events, in bytes: the next question goes on from there.
const maxAnswer = 4 << 20

// Lists is what the service reads of inboxes, marks and presence.
type Lists interface {
	Heads(ctx context.Context, users []string) ([]*pb.Cursor, error)
	InboxPart(ctx context.Context, user string, after uint64, limit int) (*pb.InboxPart, error)
	// Conversations reads the head of the inbox before the lines.
	Conversations(ctx context.Context, user string, limit int) (*pb.Cursor, []*pb.ConversationSummary, error)
	Marks(ctx context.Context, wanted []*pb.MemberMarks) ([]*pb.Marks, error)
	Presence(ctx context.Context, users []string) ([]*pb.PersonPresence, error)
}

// Documents is what the service reads of conversations, messages and people.
type Documents interface {
	Conversations(ctx context.Context, keys []string) ([]*pb.ConversationDocument, error)
	Messages(ctx context.Context, conversation string, from, to uint64) ([]*pb.HistoryMessage, error)
	People(ctx context.Context, users []string) ([]*pb.Person, error)
}

// Service implements rpcv1.QueryService.
type Service struct {
	lists     Lists
	documents Documents
}

// New makes the service.
func New(lists Lists, documents Documents) *Service {
	return &Service{lists: lists, documents: documents}
}

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

// People gives profiles, in the order of the question.
func (s *Service) People(ctx context.Context, q *pb.PeopleQuery) (*pb.PeopleAnswer, error) {
	if err := within("users", len(q.Users), MaxPeople); err != nil {
		return nil, err
	}
	people, err := s.documents.People(ctx, q.Users)
	if err != nil {
		return nil, err
	}
	for i, person := range people {
		if person == nil {
			people[i] = &pb.Person{User: q.Users[i]}
		}
	}
	return &pb.PeopleAnswer{People: people}, nil
}

// higher joins two states of marks, which both only rise.
func higher(a, b *pb.Marks) *pb.Marks {
	return &pb.Marks{Delivered: max(a.GetDelivered(), b.GetDelivered()), Read: max(a.GetRead(), b.GetRead())}
}

func within(what string, count, limit int) error {
	if count < 1 || count > limit {
		return fmt.Errorf("%s: %d is not within 1 to %d", what, count, limit)
	}
	return nil
}

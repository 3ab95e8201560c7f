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

func within(what string, count, limit int) error {
	if count < 1 || count > limit {
		return fmt.Errorf("%s: %d is not within 1 to %d", what, count, limit)
	}
	return nil
}

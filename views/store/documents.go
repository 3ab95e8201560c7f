// The kind of store that MongoDB is: what is kept for ever.

package store

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Documents keeps conversations, messages and people. A Put loses to what is newer. The checkpoint is advanced after the
// Puts.
type Documents interface {
	Store
	// At is the same store at other generations of its views.
	At(generations map[string]int) Documents
	// Advance moves the view's checkpoint to the end of the span and returns the checkpoint. Below span.ToOffset it did not
	// move, because the store lacks what comes before the span.
	Advance(ctx context.Context, span *pb.Span) (int64, error)

	// Conversations are in the order of the question; nil where there is none.
	Conversations(ctx context.Context, keys []string) ([]*pb.ConversationDocument, error)
	PutConversations(ctx context.Context, documents []*pb.ConversationDocument) error
	// EachConversation gives the key of every conversation, for comparisons.
	EachConversation(ctx context.Context, each func(key string) error) error

	// Messages are those with these numbers, both included, by rising number; those that are there.
	Messages(ctx context.Context, conversation string, from, to uint64) ([]*pb.HistoryMessage, error)
	PutMessages(ctx context.Context, messages []*pb.ConversationMessages) error

	// People are in the order of the question; nil where there is none.
	People(ctx context.Context, users []string) ([]*pb.Person, error)
	PutPeople(ctx context.Context, people []*pb.Person) error
	// EachPerson gives every user who has a profile, for comparisons.
	EachPerson(ctx context.Context, each func(user string) error) error
}

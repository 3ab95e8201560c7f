// The kind of store that Redis is: what must be read at once.

package store

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Lists keeps inboxes, lists of conversations, marks and presence. A Put writes its batch and the checkpoint together or not
// at all, and returns the checkpoint: below span.ToOffset nothing was written, because the store lacks what comes before
// the span.
type Lists interface {
	Store
	// At is the same store at other generations of its views.
	At(generations map[string]int) Lists

	// Heads are the newest numbers of inboxes, in the order of the question.
	Heads(ctx context.Context, users []string) ([]*pb.Cursor, error)
	// InboxPart is the head of an inbox, its oldest kept event, and at most limit events behind a number, of one moment.
	InboxPart(ctx context.Context, user string, after uint64, limit int) (*pb.InboxPart, error)
	// Conversations are the latest lines of a person's list, latest first, and the head of the inbox, taken before the lines.
	Conversations(ctx context.Context, user string, limit int) (*pb.Cursor, []*pb.ConversationSummary, error)
	// Lines reads lines together with the checkpoint that they are true at; nil for lines that are not there.
	Lines(ctx context.Context, span *pb.Span, wanted []*pb.InboxLine) (int64, []*pb.ConversationSummary, error)
	PutInbox(ctx context.Context, span *pb.Span, entries []*pb.InboxEntry, lines []*pb.InboxLine) (int64, error)

	// Marks are in the order of the question; nil where nothing is known.
	Marks(ctx context.Context, wanted []*pb.MemberMarks) ([]*pb.Marks, error)
	PutMarks(ctx context.Context, span *pb.Span, marks []*pb.MemberMarks) (int64, error)

	// Presence is in the order of the question; nil where nothing is known.
	Presence(ctx context.Context, users []string) ([]*pb.PersonPresence, error)
	PutPresence(ctx context.Context, span *pb.Span, people []*pb.PersonPresence) (int64, error)

	Texts
}

// Texts is the content of every key as text, for comparisons.
type Texts interface {
	// EachKey gives every key of the generations that the store is at, and keys that no view writes; checkpoints left out.
	// Keys that come or go meanwhile may be given or not, or twice.
	EachKey(ctx context.Context, each func(Key) error) error
	// KeysOf are the keys that a view writes for one user, or, marks, for one conversation in a partition.
	KeysOf(view string, partition int32, name string) []Key
	// Text is a key's content as text, "" when it is not there, with the view's checkpoint at the same moment.
	Text(ctx context.Context, view string, key Key) (checkpoint int64, text string, err error)
	// TextAll is Text of keys of one partition, all at the same moment.
	TextAll(ctx context.Context, view string, keys []Key) (checkpoint int64, texts []string, err error)
}

// Key is a key of a view, without the prefix of its generation.
type Key struct {
	View      string // "" = no view writes it
	Partition int32
	Name      string
}

// Each question is answered from one generation of every view, also when views are switched while it is answered.

package serve

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Source gives the stores to read, at the generations of the views that are read now.
type Source func(ctx context.Context) (Lists, Documents)

// pinned is the service over the stores that the source gives when a question comes.
type pinned Source

func (p pinned) now(ctx context.Context) *Service { return New(p(ctx)) }

func (p pinned) Head(ctx context.Context, q *pb.HeadQuery) (*pb.HeadAnswer, error) {
	return p.now(ctx).Head(ctx, q)
}

func (p pinned) Difference(ctx context.Context, q *pb.DifferenceQuery) (*pb.DifferenceAnswer, error) {
	return p.now(ctx).Difference(ctx, q)
}

func (p pinned) Conversations(ctx context.Context, q *pb.ConversationsQuery) (*pb.ConversationsAnswer, error) {
	return p.now(ctx).Conversations(ctx, q)
}

func (p pinned) History(ctx context.Context, q *pb.HistoryQuery) (*pb.HistoryAnswer, error) {
	return p.now(ctx).History(ctx, q)
}

func (p pinned) Members(ctx context.Context, q *pb.MembersQuery) (*pb.MembersAnswer, error) {
	return p.now(ctx).Members(ctx, q)
}

func (p pinned) People(ctx context.Context, q *pb.PeopleQuery) (*pb.PeopleAnswer, error) {
	return p.now(ctx).People(ctx, q)
}

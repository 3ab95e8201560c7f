// Each question is answered from one generation of every view, also when the views are switched while it is answered.

package views

import (
	"context"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/query"
)

// pinned is the query service over the generations that count when a question comes.
type pinned struct{ stores Stores }

func (p *pinned) now(ctx context.Context) *query.Service {
	now := p.stores.Now(ctx)
	return query.New(now.Lists, now.Documents)
}

func (p *pinned) Head(ctx context.Context, q *pb.HeadQuery) (*pb.HeadAnswer, error) {
	return p.now(ctx).Head(ctx, q)
}

func (p *pinned) Difference(ctx context.Context, q *pb.DifferenceQuery) (*pb.DifferenceAnswer, error) {
	return p.now(ctx).Difference(ctx, q)
}

func (p *pinned) Conversations(ctx context.Context, q *pb.ConversationsQuery) (*pb.ConversationsAnswer, error) {
	return p.now(ctx).Conversations(ctx, q)
}

func (p *pinned) History(ctx context.Context, q *pb.HistoryQuery) (*pb.HistoryAnswer, error) {
	return p.now(ctx).History(ctx, q)
}

func (p *pinned) Members(ctx context.Context, q *pb.MembersQuery) (*pb.MembersAnswer, error) {
	return p.now(ctx).Members(ctx, q)
}

func (p *pinned) People(ctx context.Context, q *pb.PeopleQuery) (*pb.PeopleAnswer, error) {
	return p.now(ctx).People(ctx, q)
}

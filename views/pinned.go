// Each question is answered from one generation of every view, also when the views are switched while it is answered.

package views

import (
	"context"

	v1 "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/query"
)

// pinned is the query service over the generations that count when a question comes.
type pinned struct{ stores Stores }

func (p *pinned) now(ctx context.Context) *query.Service {
	now := p.stores.Now(ctx)
	return query.New(now.Lists, now.Documents)
}

func (p *pinned) Head(ctx context.Context, q *v1.HeadQuery) (*v1.HeadAnswer, error) {
	return p.now(ctx).Head(ctx, q)
}

func (p *pinned) Difference(ctx context.Context, q *v1.DifferenceQuery) (*v1.DifferenceAnswer, error) {
	return p.now(ctx).Difference(ctx, q)
}

func (p *pinned) Conversations(ctx context.Context, q *v1.ConversationsQuery) (*v1.ConversationsAnswer, error) {
	return p.now(ctx).Conversations(ctx, q)
}

func (p *pinned) History(ctx context.Context, q *v1.HistoryQuery) (*v1.HistoryAnswer, error) {
	return p.now(ctx).History(ctx, q)
}

func (p *pinned) Members(ctx context.Context, q *v1.MembersQuery) (*v1.MembersAnswer, error) {
	return p.now(ctx).Members(ctx, q)
}

func (p *pinned) People(ctx context.Context, q *v1.PeopleQuery) (*v1.PeopleAnswer, error) {
	return p.now(ctx).People(ctx, q)
}

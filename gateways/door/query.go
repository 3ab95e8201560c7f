// Queries: what a session asks of the views, bounded in time and number, and the keys that open the answer.

package door

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/seal"
	"github.com/parley-im/parley/gateways/translate"
	"github.com/parley-im/parley/schemas/gen/kitex/rpcv1/queryservice"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	queryTimeout = 3 * time.Second // for the views to answer
	maxQueries   = 1_024           // at once
)

// errBusy means that a query found no slot in time.
var errBusy = errors.New("door: too many queries at once")

// queries asks the views. It is safe for concurrent use.
type queries struct {
	views queryservice.Client
	ring  *seal.Ring
	slots chan struct{}
}

func newQueries(views queryservice.Client, ring *seal.Ring) *queries {
	return &queries{views: views, ring: ring, slots: make(chan struct{}, maxQueries)}
}

// ask asks the views and fetches the keys of the answer. It blocks for at most twice queryTimeout.
func (q *queries) ask(ctx context.Context, query proto.Message) (proto.Message, translate.Opener, error) {
	select {
	case q.slots <- struct{}{}:
	case <-time.After(queryTimeout):
		return nil, nil, errBusy
	}
	defer func() { <-q.slots }()
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	answer, err := q.call(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	opener, err := q.ring.Opener(ctx, translate.Needs(answer))
	if err != nil {
		return nil, nil, err
	}
	return answer, opener, nil
}

// call calls the method of the query service that takes the query.
func (q *queries) call(ctx context.Context, query proto.Message) (proto.Message, error) {
	switch query := query.(type) {
	case *pb.HeadQuery:
		return q.views.Head(ctx, query)
	case *pb.DifferenceQuery:
		return q.views.Difference(ctx, query)
	case *pb.ConversationsQuery:
		return q.views.Conversations(ctx, query)
	case *pb.HistoryQuery:
		return q.views.History(ctx, query)
	case *pb.MembersQuery:
		return q.views.Members(ctx, query)
	case *pb.PeopleQuery:
		return q.views.People(ctx, query)
	}
	return nil, fmt.Errorf("door: %T is not a query", query)
}

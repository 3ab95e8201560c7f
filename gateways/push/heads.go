// Heads: the positions of inboxes, asked of the views for many users at once, so that a lost last push is noticed.

package push

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/cloudwego/kitex/client/callopt"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

const (
	headsEvery  = 5 * time.Second // between two polls of all heads
	headsWithin = 3 * time.Second // for the views to answer
	headsAtOnce = 1_000           // users in one query
)

// Views answer where inboxes stand.
type Views interface {
	Head(ctx context.Context, query *pb.HeadQuery, options ...callopt.Option) (*pb.HeadAnswer, error)
}

// People are the users who have sessions here.
type People interface {
	Users() []string
	QueuesOf(user string) []*Queue
}

type heads struct {
	views  Views
	people People
	log    *slog.Logger
}

// run polls the heads of everybody until ctx ends.
func (h *heads) run(ctx context.Context) {
	ticker := time.NewTicker(headsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.poll(ctx, h.people.Users())
		}
	}
}

// poll asks where inboxes stand and delivers the answers; sessions that are behind repair themselves.
func (h *heads) poll(ctx context.Context, users []string) {
	for page := range slices.Chunk(users, headsAtOnce) {
		asked, cancel := context.WithTimeout(ctx, headsWithin)
		answer, err := h.views.Head(asked, &pb.HeadQuery{Users: page})
		cancel()
		if err != nil || len(answer.GetHeads()) != len(page) {
			if ctx.Err() == nil {
				h.log.Warn("the views did not answer where inboxes stand", "error", err)
			}
			return
		}
		for i, user := range page {
			for _, q := range h.people.QueuesOf(user) {
				q.deliver(session.HeadPolled{Head: answer.GetHeads()[i]}, true)
			}
		}
	}
}

// Heads: where the inboxes of the people here stand, asked for many at once, so that a lost last message is noticed.

package gateways

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/parley-im/parley/gateways/session"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// heads asks for everybody every few seconds, and sweeps what is known of addresses.
func (g *Gateway) heads(ctx context.Context) {
	ticker := time.NewTicker(headsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			g.askHeads(ctx, g.users())
			g.sweep()
		}
	}
}

func (g *Gateway) users() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.people))
}

// askHeads asks where inboxes stand and tells the sessions; those that are behind repair themselves.
func (g *Gateway) askHeads(ctx context.Context, users []string) {
	for page := range slices.Chunk(users, headsAtOnce) {
		asked, cancel := context.WithTimeout(ctx, askWithin)
		answer, err := g.cfg.Query.Head(asked, &pb.HeadQuery{Users: page})
		cancel()
		if err != nil || len(answer.GetHeads()) != len(page) {
			if ctx.Err() == nil {
				g.cfg.Logger.Warn("the views do not say where inboxes stand", "error", err)
			}
			return
		}
		for i, user := range page {
			for _, c := range g.connectionsOf(user) {
				c.deliver(session.Headed{Head: answer.GetHeads()[i]}, true)
			}
		}
	}
}

func (g *Gateway) connectionsOf(user string) []*connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.people[user]; p != nil {
		return slices.Clone(p.connections)
	}
	return nil
}

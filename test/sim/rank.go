// Which takeovers count: a stale owner's that lands late must not make the rows of its successor look stale. Generations of
// the group say who is whose successor; they begin anew when the group is deleted, and an era counts how often that was.

package sim

import (
	"maps"
	"slices"
	"strings"
)

// rank is of whom a takeover is.
type rank struct{ era, generation int }

func (r rank) above(o rank) bool {
	return r.era > o.era || r.era == o.era && r.generation > o.generation
}

// standing is a takeover that is not retired.
type standing struct {
	offset int64
	rank   rank
}

// wallsOf are the offsets of the takeovers that a store takes for such that count.
func (w *World) wallsOf(takeovers map[string]standing) []int64 {
	return wallsOf(takeovers, w.broken(LateTakeoverBelieved))
}

// wallsOf are the offsets of the takeovers that count, rising: those that outrank all that stand before them.
func wallsOf(takeovers map[string]standing, all bool) (walls []int64) {
	list := slices.SortedFunc(maps.Values(takeovers), func(a, b standing) int { return int(a.offset - b.offset) })
	best := rank{-1, 0}
	for _, t := range list {
		if all || t.rank.above(best) {
			walls, best = append(walls, t.offset), t.rank
		}
	}
	return walls
}

// nextRank is the rank by which an owner says that it takes over. One that is outranked, though its commit was accepted,
// begins an era.
func (c *claim) nextRank(s *session) rank {
	next := rank{generation: s.generation}
	for _, t := range c.store.takeovers {
		next.era = max(next.era, t.rank.era)
	}
	if s.rounds > 0 && !slices.Contains(c.store.walls, c.generation) {
		next.era++
	}
	return next
}

// retireOf are the marks that an owner retires when it has settled, in order: what does not count goes before that by which
// it does not, lest somebody finds it alone. A word that an input is skipped stays as long as the input.
func retireOf(c *claim, start int64) []string {
	var skips, void, rest []string
	for key, s := range c.store.skips {
		if s.void || s.input < start {
			skips = append(skips, key)
		}
	}
	for key, t := range c.store.takeovers {
		switch {
		case t.offset >= c.generation:
		case slices.Contains(c.store.walls, t.offset):
			rest = append(rest, key)
		default:
			void = append(void, key)
		}
	}
	for _, list := range [...][]string{skips, void, rest} {
		slices.SortFunc(list, strings.Compare)
	}
	return slices.Concat(skips, void, rest)
}

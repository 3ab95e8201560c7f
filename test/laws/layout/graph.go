// Circles in a graph: which edges are part of one, and how few must go to leave none.

package main

import (
	"maps"
	"slices"
)

// graph has the nodes that each node points to.
type graph map[string]map[string]bool

func (g graph) add(from, to string) {
	for _, node := range []string{from, to} {
		if g[node] == nil {
			g[node] = map[string]bool{}
		}
	}
	g[from][to] = true
}

// size is the number of edges.
func (g graph) size() int {
	n := 0
	for _, to := range g {
		n += len(to)
	}
	return n
}

func (g graph) nodes() []string { return slices.Sorted(maps.Keys(g)) }

// circular is the part of the graph that runs in circles: the edges whose two ends reach each other.
func (g graph) circular() graph {
	reach := map[string]map[string]bool{}
	for node := range g {
		reach[node] = g.reachable(node)
	}
	circles := graph{}
	for from, tos := range g {
		for to := range tos {
			if reach[to][from] {
				circles.add(from, to)
			}
		}
	}
	return circles
}

func (g graph) reachable(from string) map[string]bool {
	seen, open := map[string]bool{}, []string{from}
	for len(open) > 0 {
		node := open[len(open)-1]
		open = open[:len(open)-1]
		for to := range g[node] {
			if !seen[to] {
				seen[to] = true
				open = append(open, to)
			}
		}
	}
	return seen
}

// feedback is the number of edges that point backwards in a good order of the nodes: the fewest whose removal leaves no
// circle, or little above, since the fewest are hard to find. The order starts with the nodes that point to many and are
// pointed to by few; then each node moves to its best position until none improves.
func (g graph) feedback() int {
	order := g.nodes()
	incoming := map[string]int{}
	for _, tos := range g {
		for to := range tos {
			incoming[to]++
		}
	}
	slices.SortStableFunc(order, func(a, b string) int {
		return (len(g[b]) - incoming[b]) - (len(g[a]) - incoming[a])
	})
	best := g.backwards(order)
	for improved := true; improved; {
		improved = false
		for _, node := range g.nodes() {
			without := slices.DeleteFunc(slices.Clone(order), func(other string) bool { return other == node })
			for at := range len(without) + 1 {
				candidate := slices.Insert(slices.Clone(without), at, node)
				if n := g.backwards(candidate); n < best {
					best, order, improved = n, candidate, true
				}
			}
		}
	}
	return best
}

// backwards is the number of edges that point to an earlier node of an order.
func (g graph) backwards(order []string) int {
	position := map[string]int{}
	for i, node := range order {
		position[node] = i
	}
	n := 0
	for from, tos := range g {
		for to := range tos {
			if position[to] < position[from] {
				n++
			}
		}
	}
	return n
}

// Which takeovers count: a stale owner's that lands late must not make the rows of its successor look stale.
//
// A takeover counts when it outranks those that stand before it. The generation of the consumer group says which owner
// came later. It begins anew when the group is deleted, and stays when a named process joins again at once; therefore an
// era stands before it.

package law

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// Rank orders owners: the later one has the higher rank. The zero rank, of older binaries, counts always.
type Rank struct{ Era, Generation uint32 }

const rankBytes = 8

// Pack encodes a rank.
func (r Rank) Pack() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 0, rankBytes), r.Era), r.Generation)
}

func unpackRank(b []byte) Rank {
	if len(b) != rankBytes {
		return Rank{}
	}
	return Rank{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

func (r Rank) compare(o Rank) int {
	return cmp.Or(cmp.Compare(r.Era, o.Era), cmp.Compare(r.Generation, o.Generation))
}

// Standing is a takeover that is not retired.
type Standing struct {
	Offset int64
	Rank   Rank
}

// pack encodes a standing takeover for the local store.
func (t Standing) pack() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(t.Offset)), t.Rank.Pack()...)
}

// unpackStanding also reads what older binaries kept: the offset alone.
func unpackStanding(b []byte) Standing {
	return Standing{int64(binary.BigEndian.Uint64(b)), unpackRank(b[8:])}
}

// Walls are the offsets of the takeovers that count, rising, among those that stand, by the key of their record.
func Walls(takeovers map[string]Standing, broken Broken) (walls []int64) {
	var best Rank
	for _, t := range slices.SortedFunc(maps.Values(takeovers), func(a, b Standing) int { return cmp.Compare(a.Offset, b.Offset) }) {
		if t.Rank == (Rank{}) || t.Rank.compare(best) > 0 || broken.LateTakeoverBelieved {
			walls = append(walls, t.Offset)
			best = cmp.Or(t.Rank, best)
		}
	}
	return walls
}

// Tainted reports whether a stale owner wrote a record: its generation is older than a takeover that stands before it.
func Tainted(walls []int64, generation, offset int64) bool {
	for _, t := range walls {
		if generation < t && t < offset {
			return true
		}
	}
	return false
}

// nextRank is the rank with which an owner of a generation takes over. An owner whose commit was accepted though its
// takeover is void begins an era.
func nextRank(takeovers map[string]Standing, generation int32, outranked bool) Rank {
	next := Rank{Generation: uint32(generation)}
	for _, t := range takeovers { //laws:ordered a maximum has no order
		next.Era = max(next.Era, t.Rank.Era)
	}
	same := false
	for _, t := range takeovers { //laws:ordered whether one is equal has no order
		same = same || t.Rank == next
	}
	if outranked || same {
		next.Era++
	}
	return next
}

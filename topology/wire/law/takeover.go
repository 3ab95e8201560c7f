// A takeover of a partition: where its new owner begins, what it writes again, and what it retires.
//
// A stale owner may still write: it was stopped, or its requests were. So the new owner writes a takeover record to the
// changelog, whose offset is the generation that its rows carry, and reads on until it has seen the end. Rows that older
// generations wrote after a takeover are tainted, and their keys are suspect: compaction may have removed a better row. The
// owner goes back to the lowest position to which a suspect is known and folds again; receivers drop repeats. At the old
// commit every key is whole again: suspects that were not written are rewritten, and older takeovers are retired.

package law

import (
	"maps"
	"slices"

	"github.com/parley-im/parley/topology"
)

// Bounds are the first offset of a topic's partition and the one after its last.
type Bounds struct{ Oldest, End int64 }

// Takeover is what an owner knows of its takeover.
type Takeover struct {
	Rank       Rank
	Outranked  bool                // the takeover does not count
	Generation int64               // offset of the takeover record
	Committed  int64               // how far the last owner had come
	KnownRows  int64               // rows that it knew
	Target     int64               // where this owner begins
	Refolds    bool                // the commit is gone, and everything is folded again
	Suspects   map[string]struct{} // keys whose last record cannot be trusted and was not written since
	Retire     []string            // keys of older marks, in the order in which they are to be tombstoned
	Settled    bool
}

// Announce gives the takeover its rank: member is the generation of the consumer group.
func (t *Takeover) Announce(v *View, member int32) {
	t.Rank = nextRank(v.takeovers, member, t.Outranked)
}

// Choose decides where the owner begins: at the commit, or at the lowest position to which a suspect is known. The view has
// been read to its end.
func (t *Takeover) Choose(v *View, committed int64, input Bounds) (Finding, error) {
	t.Outranked = !v.counts(t.Generation) && !v.broken.OutrankedOwnerFolds
	first := committed < 0
	if first {
		committed = input.Oldest
	}
	t.Committed, t.Target = committed, committed
	t.Suspects = make(map[string]struct{}, len(v.suspects))
	for _, key := range slices.Sorted(maps.Keys(v.suspects)) {
		row, err := v.disk.Row(key)
		if err != nil {
			return Sound, err
		}
		known, err := topology.Through(row)
		if err != nil {
			return Sound, err
		}
		t.Suspects[key] = struct{}{}
		t.Target = min(t.Target, known)
	}
	t.Retire = v.retire(t.Generation, input.Oldest)
	return t.check(v, first, input), nil
}

// check refuses to begin where the input is not, or where nobody can know, and compares the rows with what the last owner
// knew of them and with the input.
func (t *Takeover) check(v *View, first bool, input Bounds) Finding {
	switch {
	case t.Target < input.Oldest:
		return TargetDeleted
	case t.Committed > input.End:
		return InputCut
	case first && input.Oldest > 0:
		return CommitsGone
	}
	t.Refolds = first && len(v.takeovers) > 1
	switch {
	case v.census.Rows < t.KnownRows:
		return RowsMissing
	case v.census.Through > input.End:
		return RowsAhead
	}
	return Sound
}

// AtCommit reports whether the owner begins at the commit: there is nothing to fold again, and it settles at once.
func (t *Takeover) AtCommit() bool { return t.Target >= t.Committed }

// Folded is called after each input, and reports whether the owner is to settle now; wrote = the key's row was written.
func (t *Takeover) Folded(offset int64, key string, wrote bool) (settle bool) {
	if t.Settled {
		return false
	}
	if wrote {
		delete(t.Suspects, key)
	}
	return offset >= t.Committed-1
}

// Settle ends the takeover. It returns the suspects that are left, whose rows are to be rewritten, and then the marks that
// are to be tombstoned, both in order.
func (t *Takeover) Settle() (suspects, retire []string) {
	suspects, retire = slices.Sorted(maps.Keys(t.Suspects)), t.Retire
	t.Settled, t.Suspects, t.Retire = true, nil, nil
	return suspects, retire
}

// Rewritten is a suspect's row as it is written again: every input below verified has been folded again.
func Rewritten(row []byte, verified int64) ([]byte, error) {
	known, err := topology.Through(row)
	if err != nil || known >= verified {
		return row, err
	}
	return topology.WithThrough(row, verified)
}

// retire are the keys of the marks that an owner retires when it has settled, in order: what is void goes before the
// takeover that makes it void, or somebody could find it alone. A skip stays as long as its input, which a stale owner's
// row may make an owner fold again.
func (v *View) retire(generation, oldest int64) []string {
	var skips, void, rest []string
	for _, key := range slices.Sorted(maps.Keys(v.skips)) {
		if k := v.skips[key]; k.void || k.Input < oldest {
			skips = append(skips, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.takeovers)) {
		switch t := v.takeovers[key]; {
		case t.Offset >= generation:
		case slices.Contains(v.walls, t.Offset):
			rest = append(rest, key)
		default:
			void = append(void, key)
		}
	}
	return slices.Concat(skips, void, rest)
}

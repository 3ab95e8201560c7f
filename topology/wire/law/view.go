// A view is what an owner, or a standby, knows of a partition's changelog: the fold of its records.

package law

import (
	"errors"
	"fmt"
	"slices"

	"github.com/parley-im/parley/topology"
)

// Entry is a kind of entry in a local store. The letters are a part of the keys of stores that exist.
type Entry byte

// The kinds of entries that a view keeps.
const (
	RowEntry      Entry = 'r'
	SuspectEntry  Entry = 's'
	TakeoverEntry Entry = 't'
	SkipEntry     Entry = 'k'
)

// Disk is the local store of a partition: Pebble in production, maps in the simulator.
type Disk interface {
	// Row is the newest row of a key, or nil.
	Row(key string) ([]byte, error)
	// Each calls fn with every entry of a kind as it was written; key and value are valid during the call.
	Each(of Entry, fn func(key string, value []byte)) error
	// Write queues an entry, which reaches the disk together with Saved and Census; nil = delete. A row is visible at once.
	Write(of Entry, key string, value []byte)
}

// View is the state of a partition's changelog beside its rows, which are on the disk.
type View struct {
	disk   Disk
	broken Broken

	next      int64 // changelog offset after the last record read or acked
	saved     int64 // the same, but it stops when frozen
	frozen    bool  // a foreign record stood among the owner's own
	census    Census
	takeovers map[string]Standing // by the key of their record
	walls     []int64             // offsets of the takeovers that count, rising
	skips     map[string]Skip     // by the key of their record
	skipped   map[int64]string    // input -> what the machine panicked with
	suspects  map[string]struct{} // keys whose last record in the log is tainted, or behind the row that is kept
}

// OpenView is the view of a changelog up to an offset, as the disk has it.
func OpenView(disk Disk, next int64, census Census, broken Broken) (*View, error) {
	v := &View{
		disk: disk, broken: broken, next: next, saved: next, census: census,
		takeovers: map[string]Standing{}, skips: map[string]Skip{}, skipped: map[int64]string{}, suspects: map[string]struct{}{},
	}
	err := errors.Join(
		disk.Each(TakeoverEntry, func(key string, value []byte) { v.takeovers[key] = unpackStanding(value) }),
		disk.Each(SkipEntry, func(key string, value []byte) { v.setSkip(key, unpackSkip(value)) }),
		disk.Each(SuspectEntry, func(key string, _ []byte) { v.suspects[key] = struct{}{} }),
	)
	v.walls = Walls(v.takeovers, v.broken)
	return v, err
}

// Next is the changelog offset after the last record read or acked.
func (v *View) Next() int64 { return v.next }

// Saved is the changelog offset that belongs to what was written to the disk. It stops at the first foreign record among
// the owner's own: the next recovery must read what this owner skipped, or it could not know which record of a key the
// log ends with.
func (v *View) Saved() int64 { return v.saved }

// Census counts the rows.
func (v *View) Census() Census { return v.census }

// Suspects is the number of keys whose last record cannot be trusted.
func (v *View) Suspects() int { return len(v.suspects) }

// Takeovers is the number of takeovers that are not retired.
func (v *View) Takeovers() int { return len(v.takeovers) }

// SkipCount is the number of inputs that are skipped.
func (v *View) SkipCount() int { return len(v.skipped) }

// SkippedAt is what an owner's machine panicked with at an input, or "" when the input is not skipped.
func (v *View) SkippedAt(input int64) string { return v.skipped[input] }

// Folded says what was unusual about a record.
type Folded struct {
	Behind  bool // a better row is kept
	Tainted bool // a stale owner wrote it
}

// Fold takes one record of the changelog, in the order of the log. Of each key the row with the highest through stays.
func (v *View) Fold(r *Record) (f Folded, err error) {
	if r.Mark {
		v.foldMark(r)
	} else if f, err = v.foldRow(r); err != nil {
		return f, err
	}
	v.next, v.saved = r.Offset+1, r.Offset+1
	return f, nil
}

func (v *View) foldRow(r *Record) (f Folded, err error) {
	current, err := v.disk.Row(r.Key)
	if err != nil {
		return f, err
	}
	if f.Behind, err = v.behind(r, current); err != nil {
		return f, err
	}
	if !f.Behind {
		v.disk.Write(RowEntry, r.Key, r.Value)
		if err := v.census.Take(r.Value, current == nil); err != nil {
			return f, err
		}
	}
	f.Tainted = Tainted(v.walls, r.Generation, r.Offset)
	v.suspect(r.Key, f)
	return f, nil
}

// behind reports whether the row that is kept includes more than the record.
func (v *View) behind(r *Record, current []byte) (bool, error) {
	if current == nil || r.Value == nil {
		return false, nil
	}
	have, err := topology.Through(current)
	if err != nil {
		return false, err
	}
	offered, err := topology.Through(r.Value)
	if err != nil {
		return false, fmt.Errorf("the changelog record at offset %d is no row: %w", r.Offset, err)
	}
	return offered < have && !v.broken.StaleRowWins, nil
}

// suspect notes whether the last record of a key can be trusted. It cannot when a stale owner wrote it, nor when it is
// behind the row that is kept: then a stale owner was faster than its successor, and compaction may remove the better row.
// The inputs that the better row includes must not be committed before it is written again.
func (v *View) suspect(key string, f Folded) {
	_, known := v.suspects[key]
	suspect := (f.Tainted || f.Behind && !v.broken.BetterRowTrusted) && !v.broken.StaleRowWins
	switch {
	case suspect && !known:
		v.suspects[key] = struct{}{}
		v.disk.Write(SuspectEntry, key, []byte{1})
	case !suspect && known:
		v.trust(key)
	}
}

func (v *View) trust(key string) {
	delete(v.suspects, key)
	v.disk.Write(SuspectEntry, key, nil)
}

// foldMark takes a takeover, a skip, or the tombstone of one.
func (v *View) foldMark(r *Record) {
	switch {
	case r.Value == nil:
		v.forget(r.Key)
	case isSkip(r.Key):
		k := r.Skip
		k.void = Tainted(v.walls, r.Generation, r.Offset) && !v.broken.StaleSkipBelieved
		v.writeSkip(r.Key, k)
	default:
		v.takeovers[r.Key] = Standing{r.Offset, r.Rank}
		v.walls = Walls(v.takeovers, v.broken)
		v.disk.Write(TakeoverEntry, r.Key, v.takeovers[r.Key].pack())
	}
}

func (v *View) forget(key string) {
	if isSkip(key) {
		if k := v.skips[key]; !k.void {
			delete(v.skipped, k.Input)
		}
		delete(v.skips, key)
		v.disk.Write(SkipEntry, key, nil)
		return
	}
	delete(v.takeovers, key)
	v.walls = Walls(v.takeovers, v.broken)
	v.disk.Write(TakeoverEntry, key, nil)
}

func (v *View) writeSkip(key string, k Skip) {
	v.setSkip(key, k)
	v.disk.Write(SkipEntry, key, k.pack())
}

func (v *View) setSkip(key string, k Skip) {
	v.skips[key] = k
	if !k.void {
		v.skipped[k.Input] = k.Detail
	}
}

// counts reports whether the takeover at an offset counts.
func (v *View) counts(offset int64) bool { return slices.Contains(v.walls, offset) }

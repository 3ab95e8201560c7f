// Generations of views: a view may be built anew beside the one that is read, in the same store under other names. A pointer in
// the store names the generation that is read.

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Generations is a store's part in generations: it keeps a value with a version for each view, and deletes what belongs to
// a generation.
type Generations interface {
	// Pointer is the value and its version; 0 = there is none.
	Pointer(ctx context.Context, view string) (version int64, value []byte, err error)
	// SetPointer replaces the value by the next version. It is false when another writer was faster.
	SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error)
	// Drop deletes a generation of a view: its checkpoints first, so that a process that still writes to it is refused.
	Drop(ctx context.Context, view string, generation int) error
}

// States of generations.
const (
	Building = "building" // it is being folded, and is not read
	Whole    = "whole"    // it was compared and switched to
	Dropping = "dropping" // it is being deleted
)

// Generation is one build of a view.
type Generation struct {
	Number   int       `json:"generation"`
	State    string    `json:"state"`
	Made     time.Time `json:"made,omitzero"`
	Switched time.Time `json:"switched,omitzero"` // to it, the last time
}

// Pointer is what a store keeps about the generations of a view.
type Pointer struct {
	Current int          `json:"current"`
	Newest  int          `json:"newest"` // number that was given last; no number is given twice
	List    []Generation `json:"generations"`
	version int64
}

// firstPointer is what holds when a store keeps none.
func firstPointer() Pointer {
	return Pointer{Current: 1, Newest: 1, List: []Generation{{Number: 1, State: Whole}}}
}

// Find is the index of a generation in the list, -1 = there is none.
func (p *Pointer) Find(number int) int {
	return slices.IndexFunc(p.List, func(g Generation) bool { return g.Number == number })
}

// ReadPointer reads the pointer of a view.
func ReadPointer(ctx context.Context, from Generations, view string) (Pointer, error) {
	version, value, err := from.Pointer(ctx, view)
	if err != nil || version == 0 {
		return firstPointer(), err
	}
	p := Pointer{version: version}
	if err := json.Unmarshal(value, &p); err != nil {
		return firstPointer(), fmt.Errorf("what the store keeps about the generations of view %s is damaged: %w", view, err)
	}
	return p, nil
}

// Write writes a pointer that was read and changed. It fails when another process changed it meanwhile.
func (p *Pointer) Write(ctx context.Context, to Generations, view string) error {
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ok, err := to.SetPointer(ctx, view, p.version+1, value)
	if err == nil && !ok {
		err = fmt.Errorf("another process is changing the generations of view %s: see parley views list, then try again", view)
	}
	p.version++
	return err
}

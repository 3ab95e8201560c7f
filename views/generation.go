// Generations of views: a view may be built anew beside the one that counts, in the same store under other names. One pointer
// in the store says which generation counts. Whoever reads or writes asks for it again and again, and works on one generation
// for a whole batch or question, so nothing of one is ever mixed into another.

package views

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/mongo"
	"github.com/parley-im/parley/views/pebble"
	"github.com/parley-im/parley/views/redis"
)

// pointerEvery is how long a process may go on with a generation that does not count any more.
const pointerEvery = time.Second

// States of generations.
const (
	Building = "building" // it is folded, and nobody reads it
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

// Pointer is what a store says about the generations of a view.
type Pointer struct {
	Current int          `json:"current"`
	Newest  int          `json:"newest"` // number that was given last; no number is given twice
	List    []Generation `json:"generations"`
	version int64
}

// first is what holds when a store says nothing.
func first() Pointer {
	return Pointer{Current: 1, Newest: 1, List: []Generation{{Number: 1, State: Whole}}}
}

// find is the index of a generation, -1 = there is none.
func (p *Pointer) find(number int) int {
	return slices.IndexFunc(p.List, func(g Generation) bool { return g.Number == number })
}

// generational is a store that can hold several generations.
type generational interface {
	Pointer(ctx context.Context, view string) (version int64, value []byte, err error)
	SetPointer(ctx context.Context, view string, version int64, value []byte) (bool, error)
	Drop(ctx context.Context, view string, generation int) error
}

// ErrNoGenerations says that a store cannot hold several generations.
var ErrNoGenerations = errors.New("the store of this view is not open, or holds one generation only")

// of is the store of a view.
func (s Stores) of(view topology.View) (generational, error) {
	var store any = s.Documents
	if view.Store == "redis" {
		store = s.Lists
	}
	g, ok := store.(generational)
	if !ok {
		return nil, fmt.Errorf("view %s: %w", view.Name, ErrNoGenerations)
	}
	return g, nil
}

// PointerOf reads what the store says about the generations of a view.
func (s Stores) PointerOf(ctx context.Context, view topology.View) (Pointer, error) {
	store, err := s.of(view)
	if err != nil {
		return first(), err
	}
	return readPointer(ctx, store, view.Name)
}

func readPointer(ctx context.Context, store generational, view string) (Pointer, error) {
	version, value, err := store.Pointer(ctx, view)
	if err != nil || version == 0 {
		return first(), err
	}
	p := Pointer{version: version}
	if err := json.Unmarshal(value, &p); err != nil {
		return first(), fmt.Errorf("what the store says about the generations of view %s is damaged: %w", view, err)
	}
	return p, nil
}

// setPointer writes what is changed. It fails when somebody else changed it meanwhile.
func (s Stores) setPointer(ctx context.Context, view topology.View, p *Pointer) error {
	store, err := s.of(view)
	if err != nil {
		return err
	}
	value, err := json.Marshal(p)
	if err != nil {
		return err
	}
	ok, err := store.SetPointer(ctx, view.Name, p.version+1, value)
	if err == nil && !ok {
		err = fmt.Errorf("somebody else changes the generations of view %s at this moment: look with parley views list, then try again", view.Name)
	}
	p.version++
	return err
}

// At are the stores with one view at another generation.
func (s Stores) At(view topology.View, generation int) Stores {
	at := Stores{Lists: s.Lists, Documents: s.Documents}
	if view.Store == "redis" {
		at.Lists = listsAt(s.Lists, map[string]int{view.Name: generation})
	} else {
		at.Documents = documentsAt(s.Documents, map[string]int{view.Name: generation})
	}
	return at
}

// Below is how many records a generation of a view has folded, all partitions together.
func (s Stores) Below(ctx context.Context, plan topology.Plan, view topology.View, generation int) (int64, error) {
	at, places := s.At(view, generation), Places(nil)
	if places = at.Documents; view.Store == "redis" {
		places = at.Lists
	}
	sum := int64(0)
	for partition := range plan.Partitions {
		place, err := places.Place(ctx, fmt.Sprintf("%s@%d", view.Name, plan.Epoch), partition)
		if err != nil {
			return 0, err
		}
		sum += place
	}
	return sum, nil
}

func listsAt(lists Lists, generations map[string]int) Lists {
	if store, ok := lists.(*redis.Store); ok {
		return store.At(generations)
	}
	return lists
}

func documentsAt(documents Documents, generations map[string]int) Documents {
	switch store := documents.(type) {
	case *mongo.Store:
		return store.At(generations)
	case *pebble.Store:
		return store.At(generations)
	}
	return documents
}

// generations watches which generations count, of one kind of store.
type generations struct {
	plan  topology.Plan
	redis bool // the views in Redis; else those of documents

	mu    sync.Mutex
	asked time.Time
	now   map[string]int
}

// current asks the store again when its answer has become old. The answer is never changed.
func (g *generations) current(ctx context.Context, store generational) (map[string]int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil && time.Since(g.asked) < pointerEvery {
		return g.now, nil
	}
	asked, now := time.Now(), map[string]int{}
	for _, view := range g.plan.Views {
		if (view.Store == "redis") != g.redis {
			continue
		}
		p, err := readPointer(ctx, store, view.Name)
		if err != nil {
			return g.now, fmt.Errorf("ask which generation of view %s counts: %w", view.Name, err)
		}
		now[view.Name] = p.Current
	}
	g.asked, g.now = asked, now
	return now, nil
}

// nowOf are the stores with the generations that count now of the views in one kind of store.
func (s Stores) nowOf(ctx context.Context, view topology.View) (Stores, int, error) {
	if view.Store == "redis" {
		if store, ok := s.Lists.(generational); ok && s.lists != nil {
			now, err := s.lists.current(ctx, store)
			s.Lists = listsAt(s.Lists, now)
			return s, now[view.Name], err
		}
	} else if store, ok := s.Documents.(generational); ok && s.documents != nil {
		now, err := s.documents.current(ctx, store)
		s.Documents = documentsAt(s.Documents, now)
		return s, now[view.Name], err
	}
	return s, 0, nil
}

// Now are the stores with the generations that count now. When a store cannot say it, those that counted before are good:
// what is asked of the store then fails by itself.
func (s Stores) Now(ctx context.Context) Stores {
	s, _, _ = s.nowOf(ctx, topology.View{Store: "redis"})
	s, _, _ = s.nowOf(ctx, topology.View{})
	return s
}

// Which generations are read: the pointers in a store, read again at intervals. A batch or a question works on one
// generation from its beginning to its end, so nothing of one is ever mixed into another.

package views

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/store"
)

// PointerInterval is how long a process may go on with a generation that is not read any more.
const PointerInterval = time.Second

// pointers are those of the views in one store.
type pointers struct {
	views []string

	mu     sync.Mutex
	readAt time.Time
	newest map[string]int // by view; nil = never read
}

// pointersOf are the pointers of the views that a kind of store keeps.
func pointersOf(plan topology.Plan, kind string) *pointers {
	p := &pointers{}
	for _, view := range plan.Views {
		if view.Store == kind {
			p.views = append(p.views, view.Name)
		}
	}
	return p
}

// current are the generations that are read, by view. The store is read again after PointerInterval. The map is never
// changed.
func (p *pointers) current(ctx context.Context, from store.Generations) (map[string]int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.newest != nil && time.Since(p.readAt) < PointerInterval {
		return p.newest, nil
	}
	began, newest := time.Now(), map[string]int{}
	for _, view := range p.views {
		pointer, err := store.ReadPointer(ctx, from, view)
		if err != nil {
			return p.newest, fmt.Errorf("read which generation of view %s is read: %w", view, err)
		}
		newest[view] = pointer.Current
	}
	p.readAt, p.newest = began, newest
	return newest, nil
}

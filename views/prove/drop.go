// Deleting generations that are not read.

package prove

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/store"
)

// DropGeneration deletes a generation that is not read, when every process has had time to notice that. Repeat it when it was
// interrupted, or when a process that was frozen for all that time wrote into the generation.
func DropGeneration(ctx context.Context, plan topology.Plan, stores views.Stores, name string, number int) error {
	view, ok := plan.View(name)
	if !ok {
		return fmt.Errorf("the plan has no view %q; see the list with: parley views list", name)
	}
	p, err := stores.PointerOf(ctx, view)
	if err != nil {
		return err
	}
	i := p.Find(number)
	switch {
	case number < 1 || number > p.Newest:
		return fmt.Errorf("view %s has no generation %d: parley views list", name, number)
	case number == p.Current:
		return fmt.Errorf("generation %d of view %s is the one that is read; build another one first: parley views rebuild %s", number, name, name)
	}
	of, err := stores.Of(view)
	if err != nil {
		return err
	}
	if i < 0 {
		return of.Drop(ctx, name, number)
	}
	p.List[i].State = store.Dropping
	if err := p.Write(ctx, of, view.Name); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(p.List[p.Find(p.Current)].Switched.Add(switchNotice))):
	}
	if err := of.Drop(ctx, name, number); err != nil {
		return errors.Join(err, fmt.Errorf("generation %d is deleted in part; repeat: parley views drop %s %d", number, name, number))
	}
	p.List = append(p.List[:i], p.List[i+1:]...)
	return p.Write(ctx, of, view.Name)
}

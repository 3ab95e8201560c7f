// The end of a takeover: past the old commit every key is whole again, so suspects are rewritten and older takeovers
// retired, in that order.

package group

import (
	"fmt"

	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
)

// after runs at the end of every fold, on the partition's goroutine; wrote = the key's row was written.
func (g *group) after(c *claim, offset int64, key string, wrote bool) error {
	if !c.Folded(offset, key, wrote) {
		return nil
	}
	return g.settle(c, offset+1)
}

// settle rewrites the suspects that are left under this generation, then tombstones older takeovers. verified is the
// position below which every input was folded again, and which the rewritten rows carry as their through.
func (g *group) settle(c *claim, verified int64) error {
	suspects, retire := c.Settle()
	for _, key := range suspects {
		if err := g.rewrite(c, key, verified); err != nil {
			return err
		}
	}
	for _, key := range retire {
		g.producer.Retire(c.partition, c.store, key)
		failpoint.Reach(failpoint.TakeoverRetired)
		g.metrics.retired.Inc()
	}
	return nil
}

func (g *group) rewrite(c *claim, key string, verified int64) error {
	row, err := c.store.Get(key)
	if err != nil {
		return err
	}
	if row == nil {
		return fmt.Errorf("%q is suspect in %s/%d and has no row: this is a bug in the wire", key, g.table, c.partition)
	}
	if row, err = law.Rewritten(row, verified); err != nil {
		return err
	}
	if err := c.store.Set(key, row); err != nil {
		return err
	}
	g.producer.Row(c.partition, c.store, key, row)
	failpoint.Reach(failpoint.TakeoverRewritten)
	g.metrics.rewritten.Inc()
	return nil
}

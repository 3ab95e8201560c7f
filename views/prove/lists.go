// Comparison of lists: every key as text, at the checkpoint that the store gives with it.

package prove

import (
	"context"
	"time"

	"github.com/parley-im/parley/views/store"
)

// compareLists compares every key that either store has. The keys of the live one come first; of the fresh one only what the
// live one lacks is left then. views are those that are compared, by name.
func compareLists(ctx context.Context, report *VerifyReport, config VerifyConfig, views map[string]*comparison) error {
	live, fresh := config.Live.Lists, config.Fresh.Lists
	err := live.EachKey(ctx, func(key store.Key) error {
		c := views[key.View]
		switch known := key.View != "" && key.Partition >= 0 && key.Partition < config.Plan.Partitions; {
		case !known && config.Only == "":
			report.differ("?", key.Name, 0, "no view writes such a key: give Parley a Redis of its own")
			return nil
		case c == nil || !known || c.late[key.Partition]:
			return nil
		}
		report.Keys[c.View.Name]++
		return c.compareKey(ctx, live, fresh, key)
	})
	if err != nil {
		return err
	}
	return fresh.EachKey(ctx, func(key store.Key) error {
		c := views[key.View]
		if c == nil || c.late[key.Partition] {
			return nil
		}
		if _, text, err := live.Text(ctx, c.Checkpoint, key); err != nil || text != "" {
			return err
		}
		report.Keys[c.View.Name]++
		return c.compareKey(ctx, live, fresh, key)
	})
}

// compareKey compares one key, which comes with its checkpoint. Equal texts are equal whatever the checkpoints are; else the
// two are brought to one checkpoint.
func (c *comparison) compareKey(ctx context.Context, live, fresh store.Texts, key store.Key) error {
	for until := time.Now().Add(patience); ; {
		checkpoint, have, err := live.Text(ctx, c.Checkpoint, key)
		if err != nil {
			return err
		}
		_, want, err := fresh.Text(ctx, c.Checkpoint, key)
		if err != nil || have == want {
			return err
		}
		switch at := c.at[key.Partition]; {
		case checkpoint == at:
			c.textsDiffer(key, checkpoint, have, want)
			return nil
		case checkpoint > at:
			if err := c.foldTo(ctx, key.Partition, checkpoint); err != nil {
				return err
			}
			if _, want, err = fresh.Text(ctx, c.Checkpoint, key); err == nil && have != want {
				c.textsDiffer(key, checkpoint, have, want)
			}
			return err
		case time.Now().After(until) || ctx.Err() != nil:
			return c.stuck(key.Partition, checkpoint)
		}
		time.Sleep(pause) // the live view is behind
	}
}

// textsDiffer reports a key whose text is not what the log gives.
func (c *comparison) textsDiffer(key store.Key, checkpoint int64, have, want string) {
	switch {
	case want == "":
		c.report.differ(c.View.Name, key.Name, checkpoint, "the log knows nothing of it")
	case have == "":
		c.report.differ(c.View.Name, key.Name, checkpoint, "it is not there")
	default:
		c.report.differ(c.View.Name, key.Name, checkpoint, "its content is not what the log gives")
	}
}

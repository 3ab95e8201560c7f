// What must never be reset silently: topics created again, logs that shrank, a store ahead of its log.
//
// The ids of a group's two topics are pinned in three places, so that one of them is left whatever was deleted: in the
// local store (both), in takeover records of the changelog (the input's), and in the metadata of commits (the changelog's).

package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/store"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Kinds of alarms, for the metric; law has more.
const (
	alarmRules  = "rules_unknown"
	alarmPanics = "panics"
)

// topicCheckInterval is how often a running group asks whether its topics are still the same.
const topicCheckInterval = 10 * time.Second

// alarm ends the process. It returns the error for a caller that must stop at once.
func (g *group) alarm(kind, format string, a ...any) error {
	err := fmt.Errorf("%w: %s: %s", cluster.ErrAlarm, kind, fmt.Sprintf(format, a...))
	g.metrics.alarms.WithLabelValues(kind).Inc()
	g.die(err)
	return err
}

// checkTopics compares the topics with those that this process found when it began.
func (g *group) checkTopics() error {
	found, err := g.describeTopics([]string{g.input, g.table})
	if errors.Is(err, cluster.ErrTopicMissing) {
		return g.alarm(law.AlarmTopic, "%v", err)
	}
	if err != nil {
		return err
	}
	for name, pinned := range map[string]string{g.input: g.ids.Input, g.table: g.ids.Table} {
		if id := topicID(found[name]); id != pinned {
			way := g.howToRebuild()
			if name == g.input {
				way = g.howToRestore()
			}
			return g.alarm(law.AlarmTopic, "%s was deleted and created again (its id was %s and is %s): %s", name, pinned, id, way)
		}
	}
	return nil
}

func (g *group) checkTopicsForever(ctx context.Context) {
	ticker.Run(ctx, topicCheckInterval, func() {
		if err := g.checkTopics(); err != nil && !errors.Is(err, cluster.ErrAlarm) {
			g.log.Warn("could not check the topics", "error", err)
		}
	})
}

// buildStore is goka's hook for storage: it opens a partition after comparing it with the log.
func (g *group) buildStore(_ string, partition int32) (storage.Storage, error) {
	pinned, err := g.stores.Pinned(partition)
	if err != nil {
		g.stores.Fail(err)
		return nil, err
	}
	for _, topic := range []struct{ of, pinned, id, way string }{
		{"table", pinned.Table, g.ids.Table, g.howToRebuild()}, {"input", pinned.Input, g.ids.Input, g.howToRestore()},
	} {
		if topic.pinned != "" && topic.pinned != topic.id {
			return nil, g.alarm(law.AlarmTopic, "the local store belongs to another incarnation of the %s topic of %s (id %s, now %s): "+
				"if the store was copied from elsewhere, remove %s; if the topic was made anew, %s", topic.of, g.name, topic.pinned, topic.id, g.folder(), topic.way)
		}
	}
	s, err := g.openAligned(partition)
	if err != nil {
		return nil, err
	}
	return s, g.stores.Pin(partition, g.ids)
}

// openAligned opens a partition; one that is ahead of its log is wiped, for the log is the truth.
func (g *group) openAligned(partition int32) (*store.Partition, error) {
	s, err := g.stores.OpenPartition(partition, g.metrics.store)
	if err != nil {
		return nil, err
	}
	end, err := g.client.GetOffset(g.table, partition, sarama.OffsetNewest)
	if err != nil {
		return nil, fmt.Errorf("ask for the changelog's end: %w", err)
	}
	if s.Position() <= end {
		return s, nil
	}
	g.log.Warn("the local store is ahead of the changelog: it is wiped and read again", "partition", partition, "store", s.Position(), "end", end)
	g.metrics.wiped.Inc()
	if err := s.Close(); err != nil {
		return nil, err
	}
	if err := g.stores.Wipe(partition); err != nil {
		return nil, err
	}
	return g.stores.OpenPartition(partition, g.metrics.store)
}

// recovered is goka's hook for each changelog record that is read back, on recovery and on hot standby.
func (g *group) recovered(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
	failpoint.Reach(failpoint.Recovery)
	headers := ctx.Headers()
	r, err := g.readRecord(key, value, ctx.Offset(), func(name string) ([]byte, bool) {
		v, ok := headers[name]
		return v, ok
	})
	if err != nil {
		return err
	}
	local := g.stores.Partition(ctx.Partition())
	if local == nil {
		return fmt.Errorf("the store of partition %d is closed", ctx.Partition())
	}
	return local.Fold(&r)
}

// checkNote compares the changelog with what the last owner wrote beside its commit.
func (g *group) checkNote(c *claim, commit *sarama.OffsetFetchResponseBlock) error {
	partition := c.partition
	if commit.Offset < 0 {
		return nil
	}
	note, err := law.ParseNote(commit.Metadata)
	if err != nil {
		// An operator's tool moved the commit: the operator has decided.
		g.log.Warn("the commit has no note: the changelog cannot be compared with it", "partition", partition, "error", err)
		return nil
	}
	end, err := g.client.GetOffset(g.table, partition, sarama.OffsetNewest)
	if err != nil {
		return fmt.Errorf("ask for the changelog's end: %w", err)
	}
	c.KnownRows = note.Rows
	switch found := note.Check(g.ids.Table, end); found {
	case law.TableRecreated:
		return g.alarm(found.Alarm(), "%s was deleted and created again since the last commit (its id was %s and is %s): %s", g.table, note.Table, g.ids.Table, g.howToRebuild())
	case law.TableCut:
		return g.alarm(found.Alarm(), "%s/%d ends at %d, but the last owner knew it up to %d: acknowledged records are gone: %s", g.table, partition, end, note.Next, g.howToRebuild())
	}
	return nil
}

// checkInput compares the input topic with the one that an earlier owner consumed.
func (g *group) checkInput(value []byte, offset int64) error {
	id, err := law.InputOf(value)
	if err != nil {
		return fmt.Errorf("the record at offset %d of %s: %w", offset, g.table, err)
	}
	if id != g.ids.Input {
		return g.alarm(law.AlarmTopic, "%s was deleted and created again since offset %d of its table (its id was %s and is %s): %s",
			g.input, offset, id, g.ids.Input, g.howToRestore())
	}
	return nil
}

// checkTarget raises the alarm of a finding.
func (g *group) checkTarget(c *claim, found law.Finding, input law.Bounds) error {
	if c.Refolds {
		g.log.Warn("the group lost its commit and folds everything again; rows drop what they have", "partition", c.partition)
		g.metrics.refolded.Inc()
	}
	census := c.store.Census()
	switch found {
	case law.TargetDeleted:
		return g.alarm(found.Alarm(), "must fold %s/%d again from %d, but it begins at %d: inputs were deleted before every row that needs them was safe: "+
			"put them back from a mirror, or, if nobody misses them, %s", g.input, c.partition, c.Target, input.Oldest, g.howToCommit(c.partition, input.Oldest))
	case law.InputCut:
		return g.alarm(found.Alarm(), "%s/%d ends at %d, but was committed up to %d: acknowledged records are gone, or somebody moved the commit: "+
			"if the commit was moved, %s; if records are gone, %s", g.input, c.partition, input.End, c.Committed, g.howToCommit(c.partition, input.End), g.howToRestore())
	case law.CommitsGone:
		return g.alarm(found.Alarm(), "the group %s lost its commit of %s/%d, which begins at %d, or never folded what was deleted: if the rows hold everything before it, %s",
			g.name, g.input, c.partition, input.Oldest, g.howToCommit(c.partition, input.Oldest))
	case law.RowsMissing:
		return g.alarm(found.Alarm(), "%s/%d holds %d rows, but the last owner knew %d: records of the table were deleted: %s",
			g.table, c.partition, census.Rows, c.KnownRows, g.howToRebuild())
	case law.RowsAhead:
		return g.alarm(found.Alarm(), "rows of %s/%d hold inputs up to %d, but %s ends at %d: acknowledged records are gone, and new ones in their place would be dropped: %s",
			g.table, c.partition, census.Through, g.input, input.End, g.howToRestore())
	}
	return nil
}

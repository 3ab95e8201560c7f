// This file finds what must never be reset silently: topics created again, logs that shrank, a store ahead of its log.
//
// The ids of a group's two topics are pinned in three places, so that one of them is left whatever was deleted: in the
// local store (both), in takeover records of the changelog (the input's), and in the metadata of commits (the changelog's).

package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/ticker"
)

// Kinds of alarms, for the metric.
const (
	alarmTopic     = "topic_recreated"
	alarmChangelog = "changelog_shrunk"
	alarmRules     = "rules_unknown"
	alarmCommits   = "commits_gone"
	alarmPanics    = "panics"
)

// topicCheckInterval is how often a running group asks whether its topics are still the same.
const topicCheckInterval = 10 * time.Second

// alarm ends the process. It returns the error for whoever has to stop on the spot.
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
		return g.alarm(alarmTopic, "%v", err)
	}
	if err != nil {
		return err
	}
	for name, pinned := range map[string]string{g.input: g.ids.input, g.table: g.ids.table} {
		if id := topicID(found[name]); id != pinned {
			way := g.howToRebuild()
			if name == g.input {
				way = g.howToRestore()
			}
			return g.alarm(alarmTopic, "%s was deleted and created again (its id was %s and is %s): %s", name, pinned, id, way)
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
	for key, id := range map[string]string{metaTable: g.ids.table, metaInput: g.ids.input} {
		pinned, err := g.stores.get(partition, kindMeta, key)
		if err != nil {
			g.stores.fail(err)
			return nil, err
		}
		if pinned != nil && string(pinned) != id {
			way := g.howToRebuild()
			if key == metaInput {
				way = g.howToRestore()
			}
			return nil, g.alarm(alarmTopic, "the local store belongs to another incarnation of the %s topic of %s (id %s, now %s): "+
				"if the store was copied from elsewhere, remove %s; if the topic was made anew, %s", key, g.name, pinned, id, g.stores.dir, way)
		}
	}
	s, err := g.openAligned(partition)
	if err != nil {
		return nil, err
	}
	return s, g.stores.pin(partition, g.ids)
}

// openAligned opens a partition; one that is ahead of its log is wiped, for the log is the truth.
func (g *group) openAligned(partition int32) (*partitionStore, error) {
	s, err := g.stores.openPartition(partition, g.metrics)
	if err != nil {
		return nil, err
	}
	end, err := g.client.GetOffset(g.table, partition, sarama.OffsetNewest)
	if err != nil {
		return nil, fmt.Errorf("ask for the changelog's end: %w", err)
	}
	if s.position() <= end {
		return s, nil
	}
	g.log.Warn("the local store is ahead of the changelog: it is wiped and read again", "partition", partition, "store", s.position(), "end", end)
	g.metrics.wiped.Inc()
	if err := s.Close(); err != nil {
		return nil, err
	}
	if err := g.stores.wipe(partition); err != nil {
		return nil, err
	}
	return g.stores.openPartition(partition, g.metrics)
}

// recovered is goka's hook for each changelog record that is read back, on recovery and on hot standby.
func (g *group) recovered(ctx goka.UpdateContext, s storage.Storage, key string, value []byte) error {
	failpoint.Reach(failpoint.Recovery)
	headers := ctx.Headers()
	r, err := g.changelogRecord(key, value, ctx.Offset(), func(name string) ([]byte, bool) {
		v, ok := headers[name]
		return v, ok
	})
	if err != nil {
		return err
	}
	store := g.stores.partitionOpen(ctx.Partition())
	if store == nil {
		return fmt.Errorf("the store of partition %d is closed", ctx.Partition())
	}
	return store.fold(r)
}

// checkNote compares the changelog with what the last owner wrote beside its commit.
func (g *group) checkNote(c *claim, commit *sarama.OffsetFetchResponseBlock) error {
	partition := c.partition
	if commit.Offset < 0 {
		return nil
	}
	note, err := parseCommitNote(commit.Metadata)
	if err != nil {
		// An operator's tool moved the commit: it is the operator's word.
		g.log.Warn("the commit has no note: the changelog cannot be compared with it", "partition", partition, "error", err)
		return nil
	}
	if note.table != g.ids.table {
		return g.alarm(alarmTopic, "%s was deleted and created again since the last commit (its id was %s and is %s): %s", g.table, note.table, g.ids.table, g.howToRebuild())
	}
	c.known = note.rows
	end, err := g.client.GetOffset(g.table, partition, sarama.OffsetNewest)
	if err != nil {
		return fmt.Errorf("ask for the changelog's end: %w", err)
	}
	if end < note.next {
		return g.alarm(alarmChangelog, "%s/%d ends at %d, but the last owner knew it up to %d: acknowledged records are gone: %s", g.table, partition, end, note.next, g.howToRebuild())
	}
	return nil
}

// checkTakeover compares the input topic with the one that an earlier owner consumed.
func (g *group) checkTakeover(value string, offset int64) error {
	fields := strings.Fields(value)
	if len(fields) < 3 || fields[0] != takeoverVersion {
		return fmt.Errorf("the takeover record at offset %d of %s is not of this house: %q", offset, g.table, value)
	}
	if fields[2] != g.ids.input {
		return g.alarm(alarmTopic, "%s was deleted and created again since offset %d of its table (its id was %s and is %s): %s",
			g.input, offset, fields[2], g.ids.input, g.howToRestore())
	}
	return nil
}

// checkTarget refuses to begin where the input is not, or where nobody can know.
func (g *group) checkTarget(c *claim, first bool, oldest, end int64) error {
	older := len(c.store.livingTakeovers()) > 1
	switch {
	case c.target < oldest:
		return g.alarm(cluster.AlarmInput, "must fold %s/%d again from %d, but it begins at %d: inputs were deleted before every row that needs them was safe: "+
			"put them back from a mirror, or, if nobody misses them, %s", g.input, c.partition, c.target, oldest, g.howToCommit(c.partition, oldest))
	case c.committed > end:
		return g.alarm(cluster.AlarmInput, "%s/%d ends at %d, but was committed up to %d: acknowledged records are gone, or somebody moved the commit: "+
			"if the commit was moved, %s; if records are gone, %s", g.input, c.partition, end, c.committed, g.howToCommit(c.partition, end), g.howToRestore())
	case first && oldest > 0:
		return g.alarm(alarmCommits, "the group %s lost its commit of %s/%d, which begins at %d, or never folded what was deleted: if the rows hold everything before it, %s",
			g.name, g.input, c.partition, oldest, g.howToCommit(c.partition, oldest))
	case first && older:
		g.log.Warn("the group lost its commit and folds everything again; rows drop what they have", "partition", c.partition)
		g.metrics.refolded.Inc()
	}
	return nil
}

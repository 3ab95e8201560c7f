// Package deploy makes the plan real on a Kafka cluster: it derives what topics, settings and access rights there must
// be, says where a live cluster differs, and creates or alters what is missing or wrong. It deletes nothing, ever.
package deploy

import (
	"strconv"
	"time"

	"github.com/parley-im/parley/topology"
)

// MaxBatch is the largest batch of records that a broker takes, in bytes. A batch may hold a single record, so the
// largest record of the house, with its key and headers, must fit.
const MaxBatch = 1 << 20

// headerRoom is what the headers and the framing of one record may take, in bytes.
const headerRoom = 64 << 10

// This does not compile when the largest record stops fitting into a batch.
const _ = uint(MaxBatch - topology.MaxValue - topology.MaxKey - headerRoom)

// Settings of tables (the changelogs of groups).
const (
	// compactionLag is how long a row's earlier records stay readable after a newer one. An owner that was stopped and wakes
	// within it may write a late row, and the better row that it hides is still in the log: the new owner takes that one
	// and need not rewind its input. It makes rewinds rare; correctness does not lean on it.
	compactionLag = time.Hour

	// tableSegment, in bytes, and tableRoll: a table's newest segment is never compacted and is read whole at each recovery.
	// Small ones keep that part short; smaller still would cost more open files than recovery saves.
	tableSegment = 64 << 20
	tableRoll    = 6 * time.Hour

	// tableDirt is the share of a table that may be superseded rows before the cleaner runs. Kafka's half would let a
	// recovery read twice what it needs.
	tableDirt = "0.2"
)

// retentionSteps is in how many segments a retention is cut. Kafka drops whole segments, so what should be gone stays at
// most this part of its retention longer.
const retentionSteps = 7

// Options bend the plan to a cluster. The zero value is the plan as it stands.
type Options struct {
	Replication int16         // 0 = the plan's; 1 for a cluster of one broker; what must be in sync is lowered with it
	ClusterID   string        // the only cluster that may be touched; "" = whichever answers
	Wait        time.Duration // for topics to be there after Apply; 0 = DefaultWait
	AllowLoss   bool          // let Apply make changes after which Kafka drops records that it keeps now
}

// TopicSpec is a topic as it must be.
type TopicSpec struct {
	Name        string    `json:"name"`
	Partitions  int32     `json:"partitions"`
	Replication int16     `json:"replication"`
	Settings    []Setting `json:"settings"` // sorted by how much they matter, not by name
	Why         string    `json:"why"`
}

// Setting is one topic-level setting that the house owns, and why it has this value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Get is the value of a setting, or "" when the broker's default is good.
func (s TopicSpec) Get(key string) string {
	for _, setting := range s.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}

// Desired is every topic that the plan needs: its logs in walking order, then the tables of its groups.
func Desired(p topology.Plan, opts Options) []TopicSpec {
	replication, inSync := copies(p, opts)
	specs := make([]TopicSpec, 0, len(p.Topics)+len(p.Groups))
	for _, t := range p.Topics {
		specs = append(specs, TopicSpec{t.Name, p.Partitions, replication, append(logSettings(t), shared(inSync)...), t.Why})
	}
	for _, g := range p.Groups {
		why := "table of the group " + g.Name + ": " + g.Row
		specs = append(specs, TopicSpec{p.Table(g.Name), p.Partitions, replication, append(tableSettings(), shared(inSync)...), why})
	}
	return specs
}

// copies is how many replicas there are and how many must have a record before it counts. With fewer replicas than the
// plan's, one of them may still be lost, unless it is the only one.
func copies(p topology.Plan, opts Options) (replication, inSync int16) {
	if opts.Replication <= 0 {
		return p.Replication, p.MinInsync
	}
	return opts.Replication, max(1, min(p.MinInsync, opts.Replication-1))
}

// logSettings are those of a topic that is only ever appended to.
func logSettings(t topology.Topic) []Setting {
	settings := []Setting{
		{"cleanup.policy", "delete", "a log keeps every record until its time is over"},
	}
	if t.Retention == 0 {
		settings = append(settings, Setting{"retention.ms", "-1", "for ever: this is the memory of the house"})
	} else {
		settings = append(settings,
			Setting{"retention.ms", millis(t.Retention), topology.InWords(t.Retention) + ", longer than a partition may be without an owner"},
			Setting{"segment.ms", millis(t.Retention / retentionSteps), "whole segments are dropped: old records stay at most this much longer"})
	}
	return append(settings, Setting{"retention.bytes", "-1", "time ends a record, never the size of others"})
}

// tableSettings are those of a changelog.
func tableSettings() []Setting {
	return []Setting{
		{"cleanup.policy", "compact", "a table keeps the newest record of each key for ever"},
		{"min.compaction.lag.ms", millis(compactionLag), "rows hidden by a late write of a stale owner can still be read: no rewind"},
		{"min.cleanable.dirty.ratio", tableDirt, "a recovery reads little more than the living rows"},
		{"segment.bytes", strconv.Itoa(tableSegment), "the newest segment is never compacted and always read: keep it small"},
		{"segment.ms", millis(tableRoll), "a quiet partition is compacted too"},
		{"delete.retention.ms", millis(topology.Ownerless), "a local store that slept as long as is tolerated still meets every tombstone"},
	}
}

// shared are the settings of every topic.
func shared(inSync int16) []Setting {
	return []Setting{
		{"min.insync.replicas", strconv.Itoa(int(inSync)), "an acknowledged record survives the loss of a broker"},
		{"unclean.leader.election.enable", "false", "a replica that missed acknowledged records may not lead: waiting is better than forgetting"},
		{"message.timestamp.type", "LogAppendTime", "the broker's clock stamps records; folds know no other time, and no producer can age a record"},
		{"max.message.bytes", strconv.Itoa(MaxBatch), "the largest record of the house fits as a batch of one"},
		{"compression.type", "producer", "batches are stored as they came: the broker spends nothing on packing them again"},
	}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// The names under which callers outside of the wire know its rooms.

package wire

import (
	"context"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/cluster"
	"github.com/parley-im/parley/topology/wire/follow"
	"github.com/parley-im/parley/topology/wire/group"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/produce"
	"github.com/parley-im/parley/topology/wire/read"
)

// Cluster says how to reach Kafka.
type Cluster = cluster.Config

// Errors that a restart does not mend.
var (
	ErrRefused      = cluster.ErrRefused
	ErrTopicMissing = cluster.ErrTopicMissing
	ErrAlarm        = cluster.ErrAlarm
)

// Span is what a partition holds.
type Span = read.Span

// Ends asks which offsets each partition of a topic holds.
func Ends(ctx context.Context, c Cluster, topic string) (map[int32]Span, error) {
	return read.Ends(ctx, c, topic)
}

// Read calls fn with every record that a topic holds now: each partition in the order of its offsets, partitions mixed. An
// error of fn ends it and is returned.
func Read(ctx context.Context, c Cluster, topic string, fn func(*topology.Record) error) error {
	return read.Topic(ctx, c, topic, fn)
}

// ReadFrom is Read from given offsets (a partition that is not named begins at its oldest) to before given offsets (a
// partition that is not named ends where it ended at the time of the call). Either may be nil.
func ReadFrom(ctx context.Context, c Cluster, topic string, from, to map[int32]int64, fn func(*topology.Record) error) error {
	return read.Range(ctx, c, topic, from, to, fn)
}

// Emitter produces for gateways, and never blocks.
type Emitter = produce.Emitter

// EmitterConfig is what NewEmitter needs.
type EmitterConfig = produce.EmitterConfig

// NewEmitter starts an emitter.
func NewEmitter(cfg EmitterConfig) (*Emitter, error) { return produce.NewEmitter(cfg) }

// Position is where an emitted record stands.
type Position = produce.Position

// DeliveryError is why an emitted record has no position.
type DeliveryError = produce.DeliveryError

// What Emit may return: in both cases the record is not in the log.
var (
	ErrOverloaded = produce.ErrOverloaded
	ErrClosed     = produce.ErrClosed
)

// FollowerConfig is what Follow needs.
type FollowerConfig = follow.Config

// Rewind is what FollowerConfig.Handle returns when a partition must be handled again from an earlier offset.
type Rewind = follow.Rewind

// ErrStalled means that the Kafka client does not fetch any more: the process is to be started again.
var ErrStalled = follow.ErrStalled

// Follow handles records until the context ends (nil), or until it would have to skip some (ErrAlarm).
func Follow(ctx context.Context, cfg FollowerConfig) error { return follow.Run(ctx, cfg) }

// Settings say how a group runs.
type Settings = group.Settings

// GroupConfig is what RunGroup needs.
type GroupConfig = group.Config

// RunGroup runs one group until the context ends (nil) or it must not go on. Several may run in one process.
func RunGroup(ctx context.Context, cfg GroupConfig) error { return group.Run(ctx, cfg) }

// IsTakeover reports whether a record of a changelog is a takeover, a skip, or the tombstone of one: it is no row.
func IsTakeover(r *topology.Record) bool { return law.IsMark(r) }

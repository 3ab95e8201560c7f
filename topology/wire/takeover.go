// This file is how a new owner takes a partition over, after goka has recovered its table and before it consumes.
//
// A stale owner may still write: it was stopped, or its requests were. So the new owner writes a takeover record to the
// changelog, whose offset is the generation that its rows carry, and reads on until it has seen the end. Rows written by
// older generations after a takeover are tainted, and their keys are suspect: compaction may have eaten a better row. The
// owner goes back to the lowest position to which a suspect is known, commits that through the group (a stale owner's
// commit is refused, and it never writes a row), and folds again; receivers drop repeats. See settle.go for the end.

package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/produce"
)

const (
	takeoverPrefix  = "\x00takeover/" // of the keys of takeover records; no key of the house begins so
	headerTakeover  = "takeover"      // marks takeover records and their tombstones
	takeoverVersion = "1"
	tailSilence     = 5 * time.Second // without a record, until the tail reader asks again where the end is
)

// IsTakeover reports whether a record of a changelog is a takeover or its tombstone: no row, but who owned since when.
func IsTakeover(r *topology.Record) bool {
	for _, h := range r.Headers {
		if h.Key == headerTakeover {
			return strings.HasPrefix(r.Key, takeoverPrefix)
		}
	}
	return false
}

// claim is what an owner knows of a partition it took over.
type claim struct {
	partition int32
	store     *partitionStore
	folded    atomic.Int64 // every input below is folded, and all of it is acked; noCommit before the first
	marked    int64        // last offset marked for commit
	input     atomic.Pointer[input]

	nonce      string
	member     int32               // generation of the group
	rank       rank                // of this owner's takeover
	outranked  bool                // that takeover is void
	generation int64               // offset of the takeover record
	committed  int64               // where the last owner had come to
	known      int64               // rows that it knew
	target     int64               // where this one begins
	suspects   map[string]struct{} // keys whose last record is tainted and was not written since
	retire     []string            // older marks, to be tombstoned in this order
	note       string              // metadata of the fenced commit
	settled    bool

	rules []byte // row of topology.RulesKey
}

// takeoverRounds is how often a session says that it takes over.
const takeoverRounds = 3

// takeOver does it for all partitions of a session. An owner whose takeover is void though its commit was accepted is outranked
// by owners of a group that was deleted since: it says again that it takes over, in a new era.
func (g *group) takeOver(s *session) error {
	parts := s.Claims()[g.input]
	if len(parts) == 0 {
		return s.Context().Err()
	}
	begin := time.Now()
	for round := 1; ; round++ {
		if err := g.takeParts(s, parts); err != nil {
			return err
		}
		if !slices.ContainsFunc(parts, func(p int32) bool { return s.claims[p].outranked }) {
			break
		}
		if round == takeoverRounds {
			return fmt.Errorf("other owners' takeovers of %s %v stand above ours, though our commits are accepted", g.input, parts)
		}
		g.log.Info("takeovers of a group that is no more outrank ours: taking over again", "partitions", parts, "round", round)
	}
	for _, p := range parts {
		if err := g.enter(s.claims[p]); err != nil {
			return err
		}
	}
	g.metrics.takeoverSeconds.Observe(time.Since(begin).Seconds())
	return nil
}

// takeParts takes the partitions and fences what it decided.
func (g *group) takeParts(s *session, parts []int32) error {
	if err := s.Context().Err(); err != nil {
		return err
	}
	before, err := g.askGroup(parts)
	if err != nil {
		return fmt.Errorf("ask for the commits: %w", err)
	}
	nonce := fmt.Sprintf("%016x", rand.Uint64())
	errs := make([]error, len(parts))
	var wait sync.WaitGroup
	for i, p := range parts {
		c := s.claims[p]
		c.nonce, c.member = nonce, s.GenerationID()
		wait.Go(func() {
			if err := g.takePartition(s.Context(), c, before.GetBlock(g.input, p)); err != nil {
				errs[i] = fmt.Errorf("take %s/%d over: %w", g.input, p, err)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := g.fence(s, parts); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverFenced)
	return nil
}

// takePartition writes the takeover record, reads the changelog to its end, and decides where to begin.
func (g *group) takePartition(ctx context.Context, c *claim, before *sarama.OffsetFetchResponseBlock) error {
	if before == nil || before.Err != sarama.ErrNoError {
		return fmt.Errorf("no answer about the commit of %d", c.partition)
	}
	c.store = g.stores.partitionOpen(c.partition)
	if c.store == nil {
		return fmt.Errorf("goka opened no store for partition %d", c.partition)
	}
	if err := g.checkNote(c, before); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverBefore)
	var err error
	if c.generation, err = g.writeTakeover(ctx, c); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverWritten)
	if err := g.readTail(ctx, c); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverRead)
	c.outranked = !c.store.counts(c.generation)
	if err := g.chooseTarget(c, before.Offset); err != nil {
		return err
	}
	if c.rules, err = c.store.Get(topology.RulesKey); err != nil {
		return err
	}
	g.producer.take(c.partition, c.generation)
	return nil
}

// writeTakeover returns the offset of the record: the generation of this owner.
func (g *group) writeTakeover(ctx context.Context, c *claim) (int64, error) {
	type answer struct {
		offset int64
		err    error
	}
	acked := make(chan answer, 1)
	finish := promiseTo(func(m *sarama.ProducerMessage, err error) {
		if err != nil {
			acked <- answer{err: err}
			return
		}
		acked <- answer{offset: m.Offset}
	})
	c.rank = c.store.nextRank(c.member, c.outranked)
	g.producer.put(c.partition, &shipment{
		Record: produce.Record{
			Topic: g.table, Partition: c.partition, Key: takeoverPrefix + c.nonce, Value: g.takeoverValue(c),
			Headers: []topology.Header{{Key: headerTakeover, Value: c.rank.pack()}},
		},
		kind: takeover, store: c.store, finish: finish,
	})
	select {
	case a := <-acked:
		if a.err != nil {
			return 0, fmt.Errorf("write the takeover record: %w", a.err)
		}
		return a.offset, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// takeoverValue pins the input that this owner consumes.
func (g *group) takeoverValue(c *claim) []byte {
	return []byte(strings.Join([]string{takeoverVersion, c.nonce, g.ids.input, g.settings.InstanceID}, " "))
}

// readTail folds the changelog until one fetch answer reaches its own high watermark: at that moment the last record of
// every key was seen, whatever compaction did meanwhile. (To ask for the end after each round never ends while somebody
// writes.)
func (g *group) readTail(ctx context.Context, c *claim) error {
	for {
		end, err := g.client.GetOffset(g.table, c.partition, sarama.OffsetNewest)
		if err != nil {
			return fmt.Errorf("ask for the changelog's end: %w", err)
		}
		if c.store.position() >= end {
			return nil
		}
		oldest, err := g.client.GetOffset(g.table, c.partition, sarama.OffsetOldest)
		if err != nil {
			return fmt.Errorf("ask for the changelog's start: %w", err)
		}
		reader, err := g.reader.ConsumePartition(g.table, c.partition, max(c.store.position(), oldest))
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			continue // compaction moved the start between the two requests
		}
		if err != nil {
			return fmt.Errorf("read the changelog's tail: %w", err)
		}
		done, err := g.readTailFrom(ctx, c, reader, end)
		err = errors.Join(err, reader.Close())
		if done || err != nil {
			return err
		}
	}
}

func (g *group) readTailFrom(ctx context.Context, c *claim, reader sarama.PartitionConsumer, end int64) (bool, error) {
	silence := time.NewTimer(tailSilence)
	defer silence.Stop()
	for {
		select {
		case m, ok := <-reader.Messages():
			if !ok {
				return false, nil
			}
			r, err := g.changelogRecord(string(m.Key), m.Value, m.Offset, saramaHeader(m.Headers))
			if err == nil {
				err = c.store.fold(r)
			}
			if err != nil {
				return false, err
			}
			if m.Offset >= end-1 && m.Offset+1 >= reader.HighWaterMarkOffset() {
				return true, nil
			}
			silence.Reset(tailSilence)
		case err := <-reader.Errors():
			if err != nil {
				return false, err
			}
			return false, nil
		case <-silence.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// chooseTarget decides where this owner begins: at the commit, or where the least known suspect is known to.
func (g *group) chooseTarget(c *claim, committed int64) error {
	oldest, err := g.client.GetOffset(g.input, c.partition, sarama.OffsetOldest)
	if err != nil {
		return fmt.Errorf("ask for the input's start: %w", err)
	}
	end, err := g.client.GetOffset(g.input, c.partition, sarama.OffsetNewest)
	if err != nil {
		return fmt.Errorf("ask for the input's end: %w", err)
	}
	suspects, err := c.store.suspectKeys()
	if err != nil {
		return err
	}
	first := committed < 0
	if first {
		committed = oldest
	}
	c.committed, c.target = committed, committed
	c.suspects = make(map[string]struct{}, len(suspects))
	for key, known := range suspects {
		c.suspects[key] = struct{}{}
		c.target = min(c.target, known)
	}
	c.retire = c.store.retire(c.generation, oldest)
	if err := g.checkTarget(c, first, oldest, end); err != nil {
		return err
	}
	return g.checkCensus(c, end)
}

// fence commits the targets through the group and reads them back. It puts the rewind on record before the first row of
// this generation, and its acceptance proves that no later owner had been told: takeovers stand in the order of owners.
func (g *group) fence(s *session, parts []int32) error {
	for _, p := range parts {
		c := s.claims[p]
		note := g.commitNote(c).String()
		// One of the two applies: reset only lowers, mark only raises.
		s.ConsumerGroupSession.ResetOffset(g.input, p, c.target, note)
		s.ConsumerGroupSession.MarkOffset(g.input, p, c.target, note)
		c.note = note
	}
	s.Commit()
	failpoint.Reach(failpoint.TakeoverCommitted)
	back, err := g.askGroup(parts)
	if err != nil {
		return fmt.Errorf("read the commits back: %w", err)
	}
	for _, p := range parts {
		c, b := s.claims[p], back.GetBlock(g.input, p)
		if b == nil || b.Offset != c.target || b.Metadata != c.note {
			g.metrics.fenced.Inc()
			return fmt.Errorf("%w: wanted %d %q on %s/%d, found %+v", errFenced, c.target, c.note, g.input, p, b)
		}
	}
	return nil
}

// errFenced means that another owner was told before us: the session is stale, though it may not know.
var errFenced = errors.New("the takeover's commit was refused")

// enter opens a partition for folding.
func (g *group) enter(c *claim) error {
	g.metrics.takeovers.Inc()
	g.metrics.rewound.Add(float64(c.committed - c.target))
	g.metrics.suspects.Add(float64(len(c.suspects)))
	level := slog.LevelDebug
	if len(c.suspects) > 0 {
		level = slog.LevelInfo // a stale owner wrote: rare enough to be told
	}
	g.log.Log(context.Background(), level, "took a partition over", "partition", c.partition, "generation", c.generation, "committed", c.committed,
		"from", c.target, "suspects", len(c.suspects), "older", len(c.retire))
	g.claims[c.partition].Store(c)
	if c.target >= c.committed {
		return g.settle(c, c.committed)
	}
	return nil
}

// changelogRecord reads the headers of a changelog record, and checks a takeover's pin.
func (g *group) changelogRecord(key string, value []byte, offset int64, header func(string) ([]byte, bool)) (changelogRecord, error) {
	r := changelogRecord{key: key, value: value, offset: offset, generation: noGeneration}
	if b, _ := header(topology.HeaderGeneration); len(b) == 8 {
		r.generation = int64(binary.BigEndian.Uint64(b))
	}
	said, marked := header(headerTakeover)
	if !marked || !strings.HasPrefix(key, takeoverPrefix) {
		return r, nil
	}
	if r.takeover, r.rank = true, unpackRank(said); value == nil {
		return r, nil
	}
	if strings.HasPrefix(key, skipPrefix) {
		why, _ := header(headerSkip)
		var err error
		if r.skip, err = skipOf(why); err != nil {
			return r, fmt.Errorf("the record at offset %d of %s: %w", offset, g.table, err)
		}
	}
	return r, g.checkTakeover(string(value), offset)
}

func saramaHeader(headers []*sarama.RecordHeader) func(string) ([]byte, bool) {
	return func(name string) ([]byte, bool) {
		for _, h := range headers {
			if string(h.Key) == name {
				return h.Value, true
			}
		}
		return nil, false
	}
}

// How a new owner takes a partition over, after goka has recovered its table and before it consumes.
//
// It writes a takeover record to the changelog and reads on until it has seen the end; law.Takeover has the
// reason, and where the owner begins. The owner commits that through the group (a stale owner's commit is refused, and it never
// writes a row), and folds. See settle.go for the end.

package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/law"
	"github.com/parley-im/parley/topology/wire/store"
)

const tailSilence = 5 * time.Second // without a record, until the tail reader asks again where the end is

// claim is what an owner knows of a partition it took over.
type claim struct {
	partition int32
	store     *store.Partition
	folded    atomic.Int64 // every input below is folded, and all of it is acked; law.NoCommit before the first
	marked    int64        // last offset marked for commit
	input     atomic.Pointer[input]

	law.Takeover
	nonce  string
	member int32  // generation of the group
	note   string // metadata of the fenced commit

	rules []byte // row of topology.RulesKey
}

// takeoverRounds is how often a session announces its takeover.
const takeoverRounds = 3

// takeOver does it for all partitions of a session. An owner whose takeover is void though its commit was accepted is outranked
// by owners of a group that was deleted since: it announces its takeover again, in a new era.
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
		if !slices.ContainsFunc(parts, func(p int32) bool { return s.claim(p).Outranked }) {
			break
		}
		if round == takeoverRounds {
			return fmt.Errorf("other owners' takeovers of %s %v stand above ours, though our commits are accepted", g.input, parts)
		}
		g.log.Info("takeovers of a group that is no more outrank ours: taking over again", "partitions", parts, "round", round)
	}
	for _, p := range parts {
		if err := g.enter(s.claim(p)); err != nil {
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
		c := s.claim(p)
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
	c.store = g.stores.Partition(c.partition)
	if c.store == nil {
		return fmt.Errorf("goka opened no store for partition %d", c.partition)
	}
	if err := g.checkNote(c, before); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverBefore)
	var err error
	if c.Generation, err = g.writeTakeover(ctx, c); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverWritten)
	if err := g.readTail(ctx, c); err != nil {
		return err
	}
	failpoint.Reach(failpoint.TakeoverRead)
	if err := g.chooseTarget(c, before.Offset); err != nil {
		return err
	}
	if c.rules, err = c.store.Get(topology.RulesKey); err != nil {
		return err
	}
	g.producer.Take(c.partition, c.Generation)
	return nil
}

// writeTakeover returns the offset of the record: the generation of this owner.
func (g *group) writeTakeover(ctx context.Context, c *claim) (int64, error) {
	c.store.Announce(&c.Takeover, c.member)
	written := g.producer.Mark(c.partition, c.store, law.TakeoverKey(c.nonce), g.markValue(c), law.TakeoverHeaders(c.Rank))
	select {
	case a := <-written:
		if a.Err != nil {
			return 0, fmt.Errorf("write the takeover record: %w", a.Err)
		}
		return a.Offset, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// markValue pins the input that this owner consumes.
func (g *group) markValue(c *claim) []byte {
	return law.MarkValue(c.nonce, g.ids.Input, g.settings.InstanceID)
}

// readTail folds the changelog until one fetch answer reaches its own high watermark: at that moment the last record of
// every key was seen, whatever compaction did meanwhile. (To ask for the end after each round never ends while another process
// writes.)
func (g *group) readTail(ctx context.Context, c *claim) error {
	for {
		end, err := g.client.GetOffset(g.table, c.partition, sarama.OffsetNewest)
		if err != nil {
			return fmt.Errorf("ask for the changelog's end: %w", err)
		}
		if c.store.Position() >= end {
			return nil
		}
		oldest, err := g.client.GetOffset(g.table, c.partition, sarama.OffsetOldest)
		if err != nil {
			return fmt.Errorf("ask for the changelog's start: %w", err)
		}
		reader, err := g.reader.ConsumePartition(g.table, c.partition, max(c.store.Position(), oldest))
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
			r, err := g.readRecord(string(m.Key), m.Value, m.Offset, saramaHeader(m.Headers))
			if err == nil {
				err = c.store.Fold(&r)
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
	input := law.Bounds{Oldest: oldest, End: end}
	found, err := c.store.Choose(&c.Takeover, committed, input)
	if err != nil {
		return err
	}
	return g.checkTarget(c, found, input)
}

// fence commits the targets through the group and reads them back. It puts the rewind on record before the first row of
// this generation, and its acceptance proves that no later owner had been assigned: takeovers stand in the order of owners.
func (g *group) fence(s *session, parts []int32) error {
	for _, p := range parts {
		c := s.claim(p)
		note := g.commitNote(c).String()
		// One of the two applies: reset only lowers, mark only raises.
		s.ConsumerGroupSession.ResetOffset(g.input, p, c.Target, note)
		s.ConsumerGroupSession.MarkOffset(g.input, p, c.Target, note)
		c.note = note
	}
	s.Commit()
	failpoint.Reach(failpoint.TakeoverCommitted)
	back, err := g.askGroup(parts)
	if err != nil {
		return fmt.Errorf("read the commits back: %w", err)
	}
	for _, p := range parts {
		c, b := s.claim(p), back.GetBlock(g.input, p)
		if b == nil || b.Offset != c.Target || b.Metadata != c.note {
			g.metrics.fenced.Inc()
			return fmt.Errorf("%w: wanted %d %q on %s/%d, found %+v", errFenced, c.Target, c.note, g.input, p, b)
		}
	}
	return nil
}

// errFenced means that a later owner was assigned: the session is stale, though it may not know.
var errFenced = errors.New("the takeover's commit was refused")

// enter opens a partition for folding.
func (g *group) enter(c *claim) error {
	g.metrics.takeovers.Inc()
	g.metrics.rewound.Add(float64(c.Committed - c.Target))
	g.metrics.suspects.Add(float64(len(c.Suspects)))
	level := slog.LevelDebug
	if len(c.Suspects) > 0 {
		level = slog.LevelInfo // a stale owner wrote: rare enough to be logged
	}
	g.log.Log(context.Background(), level, "took a partition over", "partition", c.partition, "generation", c.Generation, "committed", c.Committed,
		"from", c.Target, "suspects", len(c.Suspects), "older", len(c.Retire))
	g.claims[c.partition].Store(c)
	if c.AtCommit() {
		return g.settle(c, c.Committed)
	}
	return nil
}

// readRecord reads a changelog record, and checks the input that a takeover pins.
func (g *group) readRecord(key string, value []byte, offset int64, header func(string) ([]byte, bool)) (law.Record, error) {
	r, err := law.ReadRecord(key, value, offset, header)
	if err != nil {
		return r, fmt.Errorf("the record at offset %d of %s: %w", offset, g.table, err)
	}
	if !r.Mark || value == nil {
		return r, nil
	}
	return r, g.checkInput(value, offset)
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

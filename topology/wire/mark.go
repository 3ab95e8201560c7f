// This file is what a changelog says besides rows: who takes over, and which inputs an owner's machine panicked at.
//
// A takeover counts when it outranks those that stand before it: one of a stale owner, that lands late, is void, and the rows
// of its successor do not look stale. The group's generation says who is whose successor. It begins anew when the group is
// deleted, and stays when a named process joins again at once; so an era stands before it.
//
// A machine of another build may not panic, and would say what this one skipped. So the word that an input is skipped stands
// in the changelog before the dead letter leaves. Whoever takes over later reads it there, and takes it for the machine's.

package wire

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire/produce"
)

const (
	skipPrefix = takeoverPrefix + "skip/" // of the keys of skips, so that an older binary takes them for takeovers, which is safe
	headerSkip = "skip"                   // of a skip: the input's offset, and what the machine panicked with
	skipsMost  = 10_000                   // skips of a partition whose inputs are still in the log; kept in memory
)

// rank is of whom a takeover is. The zero rank, of older binaries, counts always.
type rank struct{ era, generation uint32 }

const rankBytes = 8

func (r rank) pack() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 0, rankBytes), r.era), r.generation)
}

func unpackRank(b []byte) rank {
	if len(b) != rankBytes {
		return rank{}
	}
	return rank{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.era, o.era), cmp.Compare(r.generation, o.generation))
}

// standing is a takeover that is not retired.
type standing struct {
	offset int64
	rank   rank
}

func (t standing) pack() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(t.offset)), t.rank.pack()...)
}

// unpackStanding also reads what older binaries kept: the offset alone.
func unpackStanding(b []byte) standing {
	return standing{int64(binary.BigEndian.Uint64(b)), unpackRank(b[8:])}
}

// wallsOf are the offsets of the takeovers that count, rising.
func wallsOf(takeovers map[string]standing) (walls []int64) {
	var best rank
	for _, t := range slices.SortedFunc(maps.Values(takeovers), func(a, b standing) int { return cmp.Compare(a.offset, b.offset) }) {
		if t.rank == (rank{}) || t.rank.compare(best) > 0 {
			walls = append(walls, t.offset)
			best = cmp.Or(t.rank, best)
		}
	}
	return walls
}

// nextRank is the rank by which an owner of a generation says that it takes over. An owner whose commit was accepted though
// its takeover is void begins an era.
func (s *partitionStore) nextRank(generation int32, outranked bool) rank {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := rank{generation: uint32(generation)}
	for _, t := range s.takeovers {
		next.era = max(next.era, t.rank.era)
	}
	same := slices.ContainsFunc(slices.Collect(maps.Values(s.takeovers)), func(t standing) bool { return t.rank == next })
	if outranked || same {
		next.era++
	}
	return next
}

// counts reports whether the takeover at an offset does.
func (s *partitionStore) counts(offset int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.walls, offset)
}

// tainted reports whether a stale owner wrote a record: its generation is older than a takeover that stands before it.
func (s *partitionStore) tainted(r changelogRecord) bool {
	return slices.ContainsFunc(s.walls, func(t int64) bool { return r.generation < t && t < r.offset })
}

// skip is the word that an input is skipped.
type skip struct {
	input  int64
	detail string // what the machine panicked with
	void   bool   // a stale owner said it
}

const skipHead = 8 + 1 // bytes before the detail in the local store

func (k skip) pack() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(k.input))
	if k.void {
		return append(append(b, 1), k.detail...)
	}
	return append(append(b, 0), k.detail...)
}

func unpackSkip(b []byte) skip {
	return skip{input: int64(binary.BigEndian.Uint64(b)), void: b[8] == 1, detail: string(b[skipHead:])}
}

// skipOf reads the header of a skip.
func skipOf(header []byte) (skip, error) {
	if len(header) <= 8 {
		return skip{}, errors.New("the word that an input is skipped does not say which, or why")
	}
	return skip{input: int64(binary.BigEndian.Uint64(header)), detail: string(header[8:])}, nil
}

// openMarks reads what the store knows of marks.
func (s *partitionStore) openMarks() error {
	err := s.table.each(s.partition, kindTakeover, func(key string, value []byte) { s.takeovers[key] = unpackStanding(value) })
	if err != nil {
		return err
	}
	s.walls = wallsOf(s.takeovers)
	return s.table.each(s.partition, kindSkip, func(key string, value []byte) { s.setSkip(key, unpackSkip(value)) })
}

func (s *partitionStore) setSkip(key string, k skip) {
	s.skips[key] = k
	if !k.void {
		s.skipped[k.input] = k.detail
		s.skipping.Store(true)
	}
}

func (s *partitionStore) skipCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.skipped)
}

// foldMark takes a takeover, a skip, or the tombstone of one.
func (s *partitionStore) foldMark(r changelogRecord) {
	switch {
	case r.value == nil:
		s.forgetMark(r.key)
	case strings.HasPrefix(r.key, skipPrefix):
		r.skip.void = s.tainted(r)
		s.setSkip(r.key, r.skip)
		s.put(storeEntry{kind: kindSkip, key: r.key, value: r.skip.pack()})
	default:
		s.takeovers[r.key] = standing{r.offset, r.rank}
		s.walls = wallsOf(s.takeovers)
		s.put(storeEntry{kind: kindTakeover, key: r.key, value: s.takeovers[r.key].pack()})
	}
}

func (s *partitionStore) forgetMark(key string) {
	if strings.HasPrefix(key, skipPrefix) {
		if k := s.skips[key]; !k.void {
			delete(s.skipped, k.input)
		}
		delete(s.skips, key)
		s.put(storeEntry{kind: kindSkip, key: key})
		return
	}
	delete(s.takeovers, key)
	s.walls = wallsOf(s.takeovers)
	s.put(storeEntry{kind: kindTakeover, key: key})
}

// ackedMark takes the ack of a tombstone or of a skip. Behind a foreign record neither counts here: to know one mark too many
// is harmless, and whether a skip holds the next owner must judge, who reads what stands before it.
func (s *partitionStore) ackedMark(r *shipment) error {
	if s.frozen {
		return nil
	}
	if r.Value == nil {
		s.forgetMark(r.Key)
		return nil
	}
	for _, h := range r.Headers {
		if h.Key != headerSkip {
			continue
		}
		k, err := skipOf(h.Value)
		if err != nil {
			return err
		}
		s.setSkip(r.Key, k)
		s.put(storeEntry{kind: kindSkip, key: r.Key, value: k.pack()})
	}
	return nil
}

// skippedAt is what an owner's machine panicked with at an input, if the table says so.
func (s *partitionStore) skippedAt(offset int64) string {
	if !s.skipping.Load() {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped[offset]
}

// retire are the keys of the marks that an owner retires when it has settled, in order: what is void goes before that which
// makes it so, lest somebody finds it alone. A skip stays as long as its input, which a stale owner's row may want again.
func (s *partitionStore) retire(generation, oldest int64) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var skips, void, rest []string
	for key, k := range s.skips {
		if k.void || k.input < oldest {
			skips = append(skips, key)
		}
	}
	for key, t := range s.takeovers {
		switch {
		case t.offset >= generation:
		case slices.Contains(s.walls, t.offset):
			rest = append(rest, key)
		default:
			void = append(void, key)
		}
	}
	slices.Sort(skips)
	slices.Sort(void)
	slices.Sort(rest)
	return slices.Concat(skips, void, rest)
}

// skipInput writes that the machine panicked at an input, and waits until that stands in the changelog. If nobody else has
// written there since this owner took over, then whoever takes over later reads it. Otherwise this owner may be stale, and a
// successor may fold the input: it must not say the letter.
func (g *group) skipInput(c *claim, offset int64, detail string) error {
	if c.store.skipCount() >= skipsMost {
		return g.alarm(alarmPanics, "the machine panicked at %d inputs of %s/%d, last at %d (%s): deploy a binary that does not",
			skipsMost, g.input, c.partition, offset, detail)
	}
	acked := make(chan error, 1)
	key := skipPrefix + strconv.FormatInt(offset, 10) + "/" + c.nonce
	g.producer.put(c.partition, &shipment{
		Record: produce.Record{Topic: g.table, Partition: c.partition, Key: key, Value: g.takeoverValue(c), Headers: []topology.Header{
			{Key: topology.HeaderGeneration, Value: binary.BigEndian.AppendUint64(nil, uint64(c.generation))},
			{Key: headerSkip, Value: append(binary.BigEndian.AppendUint64(nil, uint64(offset)), detail...)},
			{Key: headerTakeover},
		}},
		kind: takeover, store: c.store, finish: promiseTo(func(_ *sarama.ProducerMessage, err error) { acked <- err }),
	})
	if err := <-acked; err != nil {
		return fmt.Errorf("say that %s/%d skips %d: %w", g.input, c.partition, offset, err)
	}
	if c.store.skippedAt(offset) == "" {
		return fmt.Errorf("the machine panicked at %d of %s/%d, and somebody else has written to the changelog: whether the input is skipped is for the next owner to say",
			offset, g.input, c.partition)
	}
	g.log.Error("the machine panicked: the input is skipped", "partition", c.partition, "offset", offset, "panic", detail)
	return nil
}

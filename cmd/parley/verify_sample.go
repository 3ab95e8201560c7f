// Samples of views: while the log is followed, the records of some users and conversations are kept, and what the stores
// hold of these is compared with the fold of them, one after the other, for as long as the auditor follows.

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views"
	"github.com/parley-im/parley/views/prove"
)

// Limits of sampling. Who is sampled is decided by a hash, so whoever is was so from the beginning; when there are more
// records than these, half of the units are let go.
const (
	maxSampledRecords = 20_000   // of all units together
	maxSampledBytes   = 16 << 20 // of the same
	maxUnitRecords    = 4_000    // of one unit; one that has more is let go
	samplePatience    = 15 * time.Second
)

// Keys of what is sampled, among the auditor's own.
const (
	kindSampled = 's' // view, partition, unit, offset -> record
	kindLetGo   = 't' // view, partition, unit: it had too many records
	kindModulus = 'u' // -> modulus
)

// sampler keeps the records of some units. It is locked by the auditing that it belongs to.
type sampler struct {
	plan    topology.Plan
	memory  *auditMemory
	seed    uint64
	modulus uint64
	bytes   int
	records int
	units   map[prove.Unit]int // records of each; -1 = let go
	random  *rand.Rand
}

func newSampler(plan topology.Plan, memory *auditMemory, seed uint64) *sampler {
	s := &sampler{plan: plan, memory: memory, seed: seed, modulus: 1, units: map[prove.Unit]int{}, random: rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))}
	if kept := memory.Get([]byte{kindModulus}); len(kept) == 16 {
		s.modulus, s.seed = binary.BigEndian.Uint64(kept), binary.BigEndian.Uint64(kept[8:]) // whoever was sampled stays so
	}
	memory.Scan([]byte{kindSampled}, []byte{kindLetGo + 1}, func(key, value []byte) bool {
		unit := s.unitOf(key)
		if key[0] == kindLetGo {
			s.units[unit] = -1
			return true
		}
		s.units[unit]++
		s.records, s.bytes = s.records+1, s.bytes+len(value)
		return true
	})
	return s
}

// unitKey is where a unit's records are.
func (s *sampler) unitKey(kind byte, u prove.Unit) []byte {
	at := slices.IndexFunc(s.plan.Views, func(v topology.View) bool { return v.Name == u.View })
	b := binary.BigEndian.AppendUint32([]byte{kind, byte(at)}, uint32(u.Partition))
	return append(append(b, u.Name...), 0)
}

const unitHead = 1 + 1 + 4 // kind, view, partition

func (s *sampler) unitOf(key []byte) prove.Unit {
	name := key[unitHead:]
	return prove.Unit{View: s.plan.Views[key[1]].Name, Partition: int32(binary.BigEndian.Uint32(key[2:])), Name: string(name[:slices.Index(name, 0)])}
}

// chosen reports whether a unit is sampled.
func (s *sampler) chosen(u prove.Unit) bool {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d %s", s.seed, u.View, u.Partition, u.Name)
	return mix(h.Sum64())%s.modulus == 0
}

// mix spreads a hash over its lower bits.
func mix(n uint64) uint64 {
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	return n ^ n>>33
}

// note keeps a record of a unit that is sampled.
func (s *sampler) note(r *topology.Record) {
	for _, view := range s.plan.Views {
		if view.Input[0] != r.Topic {
			continue
		}
		unit := prove.UnitOf(view.Name, r)
		if s.units[unit] < 0 || !s.chosen(unit) {
			continue
		}
		key := binary.BigEndian.AppendUint64(s.unitKey(kindSampled, unit), uint64(r.Offset))
		if s.memory.Get(key) != nil {
			continue
		}
		value := packSampled(r)
		s.memory.Set(key, value)
		s.units[unit]++
		s.records, s.bytes = s.records+1, s.bytes+len(value)
		if s.units[unit] > maxUnitRecords {
			s.memory.Set(s.unitKey(kindLetGo, unit), []byte{1})
			s.forget(unit)
			s.units[unit] = -1
		}
	}
	for s.records > maxSampledRecords || s.bytes > maxSampledBytes {
		s.halve()
	}
}

// halve lets about half of the units go.
func (s *sampler) halve() {
	s.modulus *= 2
	s.memory.Set([]byte{kindModulus}, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.modulus), s.seed))
	for unit := range s.units {
		if !s.chosen(unit) {
			s.forget(unit)
			s.memory.Delete(s.unitKey(kindLetGo, unit))
			delete(s.units, unit)
		}
	}
}

func (s *sampler) forget(unit prove.Unit) {
	from := s.unitKey(kindSampled, unit)
	s.memory.Scan(from, append(slices.Clone(from), 0xff), func(_, value []byte) bool {
		s.records, s.bytes = s.records-1, s.bytes-len(value)
		return true
	})
	s.memory.Forget(from, append(slices.Clone(from), 0xff))
}

// of are the records of a unit below an offset.
func (s *sampler) of(unit prove.Unit, below int64) (records []topology.Record) {
	from, view := s.unitKey(kindSampled, unit), prove.Unit{}.View
	for _, v := range s.plan.Views {
		if v.Name == unit.View {
			view = v.Input[0]
		}
	}
	s.memory.Scan(from, binary.BigEndian.AppendUint64(slices.Clone(from), uint64(below)), func(key, value []byte) bool {
		r := unpackSampled(value)
		r.Topic, r.Partition, r.Offset = view, unit.Partition, int64(binary.BigEndian.Uint64(key[len(from):]))
		records = append(records, r)
		return true
	})
	return records
}

// pick is some unit that is sampled.
func (s *sampler) pick() (prove.Unit, bool) {
	var all []prove.Unit
	for unit, records := range s.units {
		if records > 0 {
			all = append(all, unit)
		}
	}
	if len(all) == 0 {
		return prove.Unit{}, false
	}
	return all[s.random.IntN(len(all))], true
}

func packSampled(r *topology.Record) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.Time.UnixMilli()))
	b = binary.AppendUvarint(b, uint64(len(r.Key)))
	return append(append(b, r.Key...), r.Value...)
}

func unpackSampled(b []byte) topology.Record {
	r := topology.Record{Time: time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()}
	length, size := binary.Uvarint(b[8:])
	rest := b[8+size:]
	r.Key, r.Value = string(rest[:length]), slices.Clone(rest[length:])
	return r
}

// sampling compares one unit after the other.
type sampling struct {
	*auditing
	live        views.Stores
	every       time.Duration
	tell        func(prove.Difference)
	samples     *prometheus.CounterVec
	differences *prometheus.CounterVec
	failures    prometheus.Counter
}

func (w *auditing) sampling(live views.Stores, every time.Duration, r prometheus.Registerer, tell func(prove.Difference)) *sampling {
	s := &sampling{auditing: w, live: live, every: every, tell: tell,
		samples: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_view_samples_total",
			Help: "Users and conversations of a live view that were compared with the log."}, []string{"view"}),
		differences: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parley_audit_view_differences_total",
			Help: "Keys among them that were not what the log says. Should stay 0."}, []string{"view"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_audit_view_sample_failures_total",
			Help: "Samples that could not be taken."}),
	}
	r.MustRegister(s.samples, s.differences, s.failures)
	for _, v := range w.plan.Views {
		s.samples.WithLabelValues(v.Name)
		s.differences.WithLabelValues(v.Name)
	}
	return s
}

// run samples until the context ends.
func (s *sampling) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.every):
		}
		s.mu.Lock()
		unit, some := s.sampler.pick()
		s.mu.Unlock()
		if !some {
			continue
		}
		if err := s.one(ctx, unit); err != nil && ctx.Err() == nil {
			s.failures.Inc()
			s.log.Warn("a sample of a view could not be taken", "view", unit.View, "unit", unit.Name, "error", err)
		}
	}
}

// one compares one unit.
func (s *sampling) one(ctx context.Context, unit prove.Unit) error {
	ctx, cancel := context.WithTimeout(ctx, samplePatience)
	defer cancel()
	fresh, clean, err := freshStores(ctx, s.s)
	if err != nil {
		return err
	}
	defer clean()
	found, err := prove.Sample(ctx, prove.SampleConfig{Plan: s.plan, Live: s.live, Fresh: fresh, Records: s.known}, unit)
	if errors.Is(err, prove.ErrNotSampled) {
		return nil
	}
	if err != nil {
		return err
	}
	s.samples.WithLabelValues(unit.View).Inc()
	s.mu.Lock()
	s.viewed.Samples++
	s.viewed.Differences += int64(len(found))
	s.mu.Unlock()
	for _, d := range found {
		s.differences.WithLabelValues(d.View).Inc()
		s.tell(d)
	}
	return nil
}

// known are the records of a unit below an offset, when the auditor has come to it.
func (s *sampling) known(ctx context.Context, unit prove.Unit, below int64) ([]topology.Record, error) {
	view, _ := s.plan.View(unit.View)
	at := audit.Place{Topic: view.Input[0], Partition: unit.Partition}
	if below < 0 {
		ends, err := s.watch.endsOf(ctx, view.Input)
		if err != nil {
			return nil, err
		}
		below = ends[at]
	}
	for {
		s.mu.Lock()
		if s.auditor.Position(at) >= below {
			defer s.mu.Unlock()
			if s.sampler.units[unit] <= 0 {
				return nil, prove.ErrNotSampled // it was let go meanwhile
			}
			return s.sampler.of(unit, below), s.memory.err
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the auditor is behind the view at %s/%d@%d: %w", at.Topic, at.Partition, below, ctx.Err())
		case <-time.After(aheadPause):
		}
	}
}

// warnUnsampled says once what cannot be sampled.
func warnUnsampled(log *slog.Logger, why []string) {
	for _, w := range why {
		log.Warn("not sampled: " + w)
	}
}

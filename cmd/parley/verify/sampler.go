// The sampler keeps the records of some users and conversations, so that what the stores hold of these can be compared with
// them.

package verify

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/prove"
)

// Limits of sampling. A hash decides which units (users and conversations) are sampled, so that all records of a unit are kept
// from its first on; when there are more records than these, half of the units are dropped.
const (
	maxSampledRecords = 20_000   // of all units together
	maxSampledBytes   = 16 << 20 // of the same
	maxUnitRecords    = 4_000    // of one unit; one that has more is dropped
)

// Kinds of the sampler's keys, among the auditor's own.
const (
	kindSampled = 's' // view, partition, unit, offset -> record
	kindDropped = 't' // view, partition, unit: it had too many records
	kindModulus = 'u' // -> modulus
)

// sampler keeps the records of some units. The engine locks it.
type sampler struct {
	plan    topology.Plan
	memory  *memory
	seed    uint64
	modulus uint64
	bytes   int
	records int
	units   map[prove.Unit]int // records of each; -1 = dropped
	random  *rand.Rand
}

func newSampler(plan topology.Plan, m *memory, seed uint64) *sampler {
	s := &sampler{plan: plan, memory: m, seed: seed, modulus: 1, units: map[prove.Unit]int{}, random: rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))}
	if kept := m.Get([]byte{kindModulus}); len(kept) == 16 {
		s.modulus, s.seed = binary.BigEndian.Uint64(kept), binary.BigEndian.Uint64(kept[8:]) // units stay sampled
	}
	m.Scan([]byte{kindSampled}, []byte{kindDropped + 1}, func(key, value []byte) bool {
		unit := s.unitOf(key)
		if key[0] == kindDropped {
			s.units[unit] = -1
			return true
		}
		s.units[unit]++
		s.records, s.bytes = s.records+1, s.bytes+len(value)
		return true
	})
	return s
}

// unitKey is the prefix of a unit's keys.
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
			s.memory.Set(s.unitKey(kindDropped, unit), []byte{1})
			s.forget(unit)
			s.units[unit] = -1
		}
	}
	for s.records > maxSampledRecords || s.bytes > maxSampledBytes {
		s.halve()
	}
}

// halve drops about half of the units.
func (s *sampler) halve() {
	s.modulus *= 2
	s.memory.Set([]byte{kindModulus}, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.modulus), s.seed))
	for unit := range s.units {
		if !s.chosen(unit) {
			s.forget(unit)
			s.memory.Delete(s.unitKey(kindDropped, unit))
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
	from := s.unitKey(kindSampled, unit)
	view, _ := s.plan.View(unit.View)
	s.memory.Scan(from, binary.BigEndian.AppendUint64(slices.Clone(from), uint64(below)), func(key, value []byte) bool {
		r := unpackSampled(value)
		r.Topic, r.Partition, r.Offset = view.Input[0], unit.Partition, int64(binary.BigEndian.Uint64(key[len(from):]))
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

// A memory of one's own for the auditor, in a map.

package audit_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
)

type memory map[string]string

func (m memory) Get(key []byte) []byte {
	value, ok := m[string(key)]
	if !ok {
		return nil
	}
	return []byte(value)
}

func (m memory) Set(key, value []byte) { m[string(key)] = string(value) }
func (m memory) Delete(key []byte)     { delete(m, string(key)) }

func (m memory) Forget(from, to []byte) {
	maps.DeleteFunc(m, func(key, _ string) bool { return string(from) <= key && key < string(to) })
}

func (m memory) Scan(from, to []byte, each func(key, value []byte) bool) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if string(from) <= key && key < string(to) && !each([]byte(key), []byte(m[key])) {
			return
		}
	}
}

// hearing is an auditor with what it told.
type hearing struct {
	*audit.Auditor
	plan topology.Plan
	told []audit.Violation
}

func hear(t require.TestingT, plan topology.Plan, m memory) *hearing {
	h := &hearing{plan: plan}
	a, err := audit.New(plan, processors.Machines(plan), m, func(v audit.Violation) { h.told = append(h.told, v) })
	require.NoError(t, err)
	h.Auditor = a
	return h
}

// laws are those that were violated, each once.
func (h *hearing) laws() []audit.Law {
	var laws []audit.Law
	for _, v := range h.told {
		laws = append(laws, v.Law)
	}
	slices.Sort(laws)
	return slices.Compact(laws)
}

// log is the records of each place, in their order.
type log map[topology.TopicPartition][]topology.Record

func split(records []topology.Record) log {
	l := log{}
	for _, r := range records {
		at := topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}
		l[at] = append(l[at], r)
	}
	return l
}

func (l log) places() []topology.TopicPartition {
	return slices.SortedFunc(maps.Keys(l), func(a, b topology.TopicPartition) int {
		return slices.Compare([]string{a.Topic, string(rune(a.Partition))}, []string{b.Topic, string(rune(b.Partition))})
	})
}

// end is the horizon of a house that has done everything.
func (l log) end(plan topology.Plan) audit.Horizon {
	h := audit.Horizon{Commits: map[string][]int64{}, Ends: map[topology.TopicPartition]int64{}}
	for at, records := range l {
		h.Ends[at] = records[len(records)-1].Offset + 1
	}
	for _, g := range plan.Groups {
		commits := make([]int64, plan.Partitions)
		for p := range commits {
			commits[p] = h.Ends[topology.TopicPartition{Topic: g.Input, Partition: int32(p)}]
		}
		h.Commits[g.Name] = commits
	}
	return h
}

// inOrder gives everything as it was written, then judges.
func (h *hearing) inOrder(t testing.TB, records []topology.Record) {
	for i := range records {
		require.NoError(t, h.Take(&records[i]))
	}
	h.Check(split(records).end(h.plan))
}

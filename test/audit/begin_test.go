// Logs whose beginning was deleted: from wherever what is there begins, nothing is told that is not so, and damage behind
// the beginning is found.

package audit_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/processors/audit"
	"github.com/parley-im/parley/topology"
)

// cutLog deletes what stands before the beginnings.
func cutLog(records []topology.Record, from map[topology.TopicPartition]int64) (kept []topology.Record, begins map[topology.TopicPartition]audit.Beginning) {
	begins = map[topology.TopicPartition]audit.Beginning{}
	for _, r := range records {
		at := topology.TopicPartition{Topic: r.Topic, Partition: r.Partition}
		if r.Offset < from[at] {
			begins[at] = audit.Beginning{Offset: from[at], TimeMs: r.Time.UnixMilli()}
			continue
		}
		kept = append(kept, r)
	}
	return kept, begins
}

// compacted leaves the last row of each key in the changelogs alone.
func compacted(records []topology.Record) []topology.Record {
	type row struct {
		topic, key string
		partition  int32
	}
	last := map[row]int64{}
	isRow := func(r topology.Record) bool {
		_, ok := small().Topic(r.Topic)
		return !ok
	}
	for _, r := range records {
		last[row{r.Topic, r.Key, r.Partition}] = r.Offset
	}
	return slices.DeleteFunc(slices.Clone(records), func(r topology.Record) bool {
		return isRow(r) && last[row{r.Topic, r.Key, r.Partition}] != r.Offset
	})
}

// begin is an auditor that begins with what is there.
func begin(t require.TestingT, records []topology.Record, begins map[topology.TopicPartition]audit.Beginning) *hearing {
	a := hear(t, small(), memory{})
	a.Begin(begins)
	for i := range records {
		a.Adopt(&records[i])
	}
	return a
}

// ends are those of the whole log, of which a place may have nothing left.
func (h *hearing) judge(all []topology.Record) { h.Check(split(all).end(small())) }

func TestALogWithoutItsBeginningIsClean(t *testing.T) {
	houses := map[int][]topology.Record{}
	for acts := 10; acts <= 50; acts += 20 {
		houses[acts] = peaceful(acts).Log()
	}
	proved, unproved := int64(0), int64(0)
	rapid.Check(t, func(r *rapid.T) {
		all := houses[rapid.SampledFrom([]int{10, 30, 50}).Draw(r, "acts")]
		from := map[topology.TopicPartition]int64{}
		l := split(all)
		for _, at := range l.places() {
			if _, topic := small().Topic(at.Topic); topic && rapid.Bool().Draw(r, "cut") {
				from[at] = rapid.Int64Range(0, int64(len(l[at]))).Draw(r, at.Topic)
			}
		}
		records := all
		if rapid.Bool().Draw(r, "compacted") {
			records = compacted(all)
		}
		records, begins := cutLog(records, from)
		a := begin(r, records, begins)
		for i := range records {
			require.NoError(r, a.Take(&records[i]))
		}
		a.judge(all)
		if len(a.told) > 0 {
			r.Fatalf("violations: %v", a.told)
		}
		c := a.Counts()
		require.Zero(r, c.Unseen+c.Parked+c.Pending)
		proved += c.Verified
		for _, n := range c.Unproved {
			unproved += n
		}
	})
	require.Positive(t, proved)
	require.Positive(t, unproved, "nothing led behind a beginning: this proves little")
}

// commandsGone cuts all that is deleted after some days, in the middle of what was done.
func commandsGone(records []topology.Record, share int) (kept []topology.Record, begins map[topology.TopicPartition]audit.Beginning) {
	from := map[topology.TopicPartition]int64{}
	for at, list := range split(records) {
		if topic, ok := small().Topic(at.Topic); ok && topic.Retention > 0 {
			from[at] = int64(len(list) / share)
		}
	}
	return cutLog(compacted(records), from)
}

func TestDamageBehindTheBeginningIsCaught(t *testing.T) {
	for name, c := range map[string]struct {
		topic string
		law   audit.Law
		how   func(records []topology.Record, i int) []topology.Record
	}{
		"an output is another": {"inbox.events", audit.Different, func(r []topology.Record, i int) []topology.Record {
			r[i].Value = slices.Clone(r[i].Value)
			r[i].Value[len(r[i].Value)-1] ^= 1
			return r
		}},
		"the last output is missing": {"conversation.events", audit.Missing, func(r []topology.Record, i int) []topology.Record {
			return slices.Delete(r, i, i+1)
		}},
		"a record that nobody said": {"inbox.events", audit.Foreign, func(r []topology.Record, i int) []topology.Record {
			r[i].Headers = nil
			return r
		}},
		"a row is another": {"parley.inbox-table", audit.Rows, func(r []topology.Record, i int) []topology.Record {
			r[i].Value = slices.Clone(r[i].Value)
			r[i].Value[len(r[i].Value)-1] ^= 1
			return r
		}},
	} {
		t.Run(name, func(t *testing.T) {
			all := peaceful(60).Log()
			records, begins := commandsGone(all, 3)
			a := begin(t, compacted(all[:len(all)/2]), begins) // the rest happens while it follows
			records = c.how(records, last(t, records, c.topic))
			for i := range records {
				require.NoError(t, a.Take(&records[i]))
			}
			a.judge(all)
			require.Contains(t, a.laws(), c.law, "%v", a.told)
		})
	}
}

// An auditor that is ended goes on knowing what it cannot prove.
func TestABeginningIsRemembered(t *testing.T) {
	all := peaceful(40).Log()
	records, begins := commandsGone(all, 2)
	kept := memory{}
	a := hear(t, small(), kept)
	a.Begin(begins)
	for i := range records {
		a.Adopt(&records[i])
	}
	for i := range records {
		require.NoError(t, a.Take(&records[i]))
		if i%7 == 0 {
			require.NoError(t, a.Flush())
			told := a.told
			a = hear(t, small(), kept)
			a.told = told
		}
	}
	a.judge(all)
	require.Empty(t, a.told)
	require.Equal(t, begins, a.Beginnings())
	require.Positive(t, a.Counts().Unproved["outputs"])
}

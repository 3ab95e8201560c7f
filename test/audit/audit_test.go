// The auditor on what the whole house says: a clean log is clean however it is read and cut; each kind of damage is caught.

package audit_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/audit"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

func small() topology.Plan {
	plan := topology.House()
	plan.Partitions = 4
	return plan
}

func TestACleanLogIsClean(t *testing.T) {
	h := peaceful(40)
	a := hear(t, small(), memory{})
	a.inOrder(t, h.Log())
	require.Empty(t, a.told)
	c := a.Counts()
	require.Zero(t, c.Unseen)
	require.Zero(t, c.Parked)
	require.Zero(t, c.Pending)
	require.Greater(t, c.Verified, int64(100))
	require.Greater(t, c.Rows, int64(50))
	for at, through := range a.Verified() {
		require.Equal(t, a.Position(at), through)
	}
}

// peaceful is a house in which people came, spoke, read and went, were refused, and sent what cannot be taken.
func peaceful(acts int) *walk.House {
	h := walk.New(small())
	var devices []*walk.Device
	for _, user := range []string{"ann", "bob", "carl", "dora"} {
		d := h.Device(user, "phone")
		d.CreateAccount()
		devices = append(devices, d)
	}
	h.Run()
	direct := devices[0].OpenDirect("bob")
	group := devices[1].CreateGroup("hike", "Hike", "ann", "carl")
	h.Run()
	for i := range acts {
		d := devices[i%len(devices)]
		switch i % 7 {
		case 3:
			d.Seen(group, uint64(i), uint64(i/2))
		case 5:
			h.SendBytes("outbox.commands", "ann", []byte{0xff, 0xff}) // poison: a dead letter comes of it
		case 6:
			d.Ask(group, &pb.ConversationRequest{Word: &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}})
		default:
			d.SendText([]string{direct, group}[i%2], "something to say")
		}
		if i%3 == 0 {
			h.Run()
		}
	}
	h.Run()
	return h
}

func TestAnyOrderOfTopicsAndAnyCutGiveTheSame(t *testing.T) {
	records := peaceful(30).Log()
	straight := hear(t, small(), memory{})
	straight.inOrder(t, records)
	rapid.Check(t, func(r *rapid.T) {
		l, kept := split(records), memory{}
		a := hear(r, small(), kept)
		next := map[topology.TopicPartition]int{}
		places := l.places()
		for len(places) > 0 {
			i := rapid.IntRange(0, len(places)-1).Draw(r, "place")
			at := places[i]
			for range rapid.IntRange(1, 40).Draw(r, "run") {
				record := &l[at][next[at]]
				if a.Ahead(record) { // only rows wait in so short a log
					break
				}
				require.NoError(r, a.Take(record))
				next[at]++
				if next[at] == len(l[at]) {
					places = slices.Delete(places, i, i+1)
					break
				}
			}
			if rapid.IntRange(0, 9).Draw(r, "cut") == 0 {
				require.NoError(r, a.Flush())
				a = hear(r, small(), kept)
			}
		}
		a.Check(l.end(small()))
		if len(a.told) > 0 {
			r.Fatalf("violations: %v", a.told)
		}
		want, got := straight.Counts(), a.Counts()
		want.Rows, want.Superseded, got.Rows, got.Superseded = want.Rows+want.Superseded, 0, got.Rows+got.Superseded, 0
		require.Equal(r, want, got)
	})
}

func TestRepeatsAreCountedAndNoDamage(t *testing.T) {
	h := peaceful(20)
	n := int64(0)
	for _, r := range h.Records("conversation.events")[3:9] { // a producer that did not hear its acks
		h.Repeat(r)
		n++
	}
	a := hear(t, small(), memory{})
	a.inOrder(t, h.Log())
	require.Empty(t, a.told)
	require.Equal(t, n, a.Counts().Repeats)
}

func TestWhatIsNotDoneIsPending(t *testing.T) {
	h := peaceful(10)
	h.Device("dora", "tablet").SendText("g-hike/main", "not folded yet")
	h.Step("outbox", topology.PartitionOf("dora", 4))
	records := h.Log()
	horizon := split(records).end(small())
	horizon.Commits["outbox"][topology.PartitionOf("dora", 4)]-- // the input is folded, and not done
	conversation := topology.PartitionOf("g-hike", 4)
	horizon.Commits["conversation"][conversation]--
	a := hear(t, small(), memory{})
	for i := range records {
		require.NoError(t, a.Take(&records[i]))
	}
	a.Check(horizon)
	require.Empty(t, a.told)
	require.EqualValues(t, 1, a.Counts().Pending)
	require.Positive(t, a.OldestPending())
	require.Positive(t, a.Counts().Unseen)
}

// find is the index of the nth record of a topic.
func find(t *testing.T, records []topology.Record, topic string, nth int) int {
	for i, r := range records {
		if r.Topic == topic {
			if nth--; nth < 0 {
				return i
			}
		}
	}
	require.FailNow(t, "there are not so many", topic)
	return 0
}

// last is the index of the last record of a topic.
func last(t *testing.T, records []topology.Record, topic string) int {
	for i, r := range slices.Backward(records) {
		if r.Topic == topic {
			return i
		}
	}
	require.FailNow(t, "there is none", topic)
	return 0
}

// behind is the offset behind a place's last record.
func behind(records []topology.Record, topic string, partition int32) int64 {
	end := int64(0)
	for _, r := range records {
		if r.Topic == topic && r.Partition == partition {
			end = max(end, r.Offset+1)
		}
	}
	return end
}

func TestEachKindOfDamageIsCaught(t *testing.T) {
	again := func(records []topology.Record, r topology.Record, change func(*topology.Record)) []topology.Record {
		r.Offset, r.Headers, r.Value = behind(records, r.Topic, r.Partition), slices.Clone(r.Headers), slices.Clone(r.Value)
		change(&r)
		return append(records, r)
	}
	cause := func(r *topology.Record, change func(*topology.Cause)) {
		for i, h := range r.Headers {
			if h.Key == topology.HeaderCause {
				c, err := topology.UnpackCause(h.Value)
				require.NoError(t, err)
				change(&c)
				r.Headers[i] = topology.Header{Key: h.Key, Value: c.Pack()}
			}
		}
	}
	flip := func(r *topology.Record) {
		r.Value = slices.Clone(r.Value)
		r.Value[len(r.Value)-1] ^= 1
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, records []topology.Record) []topology.Record
		law    audit.Law
	}{
		"an output is missing in the middle": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := find(t, r, "inbox.events", 10)
			return slices.Delete(r, i, i+1)
		}, audit.Missing},
		"the last output is missing": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := last(t, r, "conversation.events")
			return slices.Delete(r, i, i+1)
		}, audit.Missing},
		"an output is another": {func(t *testing.T, r []topology.Record) []topology.Record {
			flip(&r[find(t, r, "conversation.events", 5)])
			return r
		}, audit.Different},
		"an output lost its correlation": {func(t *testing.T, r []topology.Record) []topology.Record {
			at := &r[find(t, r, "inbox.commands", 5)]
			at.Headers = append(slices.Clone(at.Headers), topology.Header{Key: topology.HeaderCorrelation, Value: []byte("x")})
			return r
		}, audit.Different},
		"a repeat differs": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "conversation.events", 4)], flip)
		}, audit.Repeated},
		"an outcome twice": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 1)], func(r *topology.Record) {
				r.Value = renumbered(t, r.Value, 900)
				cause(r, func(c *topology.Cause) { c.Offset = 1 << 30 })
			})
		}, audit.Outcome},
		"a number is left out": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := find(t, r, "conversation.events", 6)
			return slices.Delete(r, i, i+1)
		}, audit.Dense},
		"a delivery is left out": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := find(t, r, "inbox.events", 12)
			return slices.Delete(r, i, i+1)
		}, audit.Delivered},
		"a record without a cause": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 3)], func(r *topology.Record) { r.Headers = nil })
		}, audit.Foreign},
		"a cause of another group": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 3)], func(r *topology.Record) { cause(r, func(c *topology.Cause) { c.Group = 1 }) })
		}, audit.Foreign},
		"a cause of another epoch": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 3)], func(r *topology.Record) { cause(r, func(c *topology.Cause) { c.Epoch = 9 }) })
		}, audit.Foreign},
		"a cause that says no such thing": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 3)], func(r *topology.Record) { cause(r, func(c *topology.Cause) { c.Index = 77 }) })
		}, audit.Foreign},
		"a cause that is not there": {func(t *testing.T, r []topology.Record) []topology.Record {
			return again(r, r[find(t, r, "inbox.events", 3)], func(r *topology.Record) { cause(r, func(c *topology.Cause) { c.Offset = 1 << 30 }) })
		}, audit.Foreign},
		"another's partition": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := last(t, r, "inbox.events")
			r[i].Partition = (r[i].Partition + 1) % 4
			r[i].Offset = 1 << 20
			return r
		}, audit.Placed},
		"two outputs change places": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := find(t, r, "conversation.events", 5)
			for j := i + 1; j < len(r); j++ {
				if r[j].Topic == r[i].Topic && r[j].Partition == r[i].Partition {
					r[i].Offset, r[j].Offset = r[j].Offset, r[i].Offset
					r[i], r[j] = r[j], r[i]
					return r
				}
			}
			return r
		}, audit.Missing},
		"a row is another": {func(t *testing.T, r []topology.Record) []topology.Record {
			flip(&r[last(t, r, "parley.inbox-table")])
			return r
		}, audit.Rows},
		"a row is missing": {func(t *testing.T, r []topology.Record) []topology.Record {
			i := last(t, r, "parley.account-table")
			return slices.Delete(r, i, i+1)
		}, audit.Rows},
		"a row is deleted": {func(t *testing.T, r []topology.Record) []topology.Record {
			r[last(t, r, "parley.conversation-table")].Value = nil
			return r
		}, audit.Rows},
	} {
		t.Run(name, func(t *testing.T) {
			a := hear(t, small(), memory{})
			a.inOrder(t, c.damage(t, peaceful(30).Log()))
			require.Contains(t, a.laws(), c.law, "%v", a.told)
			require.EqualValues(t, len(a.told), a.Counts().Total())
			for _, v := range a.told {
				require.NotEmpty(t, v.Says)
			}
		})
	}
}

// Two outputs that stand in the wrong order are found also when both are read before what led to them.
func TestAnOrderThatIsNotThatOfCausesIsCaught(t *testing.T) {
	records := peaceful(30).Log()
	i := find(t, records, "conversation.events", 5)
	j := i + 1
	for records[j].Topic != records[i].Topic || records[j].Partition != records[i].Partition {
		j++
	}
	records[i].Offset, records[j].Offset = records[j].Offset, records[i].Offset
	slices.SortStableFunc(records, func(a, b topology.Record) int {
		first := func(r topology.Record) int {
			if r.Topic == "conversation.events" {
				return 0
			}
			return 1
		}
		return cmp.Or(first(a)-first(b), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	a := hear(t, small(), memory{})
	waited := []topology.Record{}
	for i := range records {
		if a.Ahead(&records[i]) { // rows wait for their inputs
			waited = append(waited, records[i])
			continue
		}
		require.NoError(t, a.Take(&records[i]))
	}
	for i := range waited {
		require.NoError(t, a.Take(&waited[i]))
	}
	a.Check(split(records).end(small()))
	require.Contains(t, a.laws(), audit.Ordered, "%v", a.told)
}

// forgetful is an auditor of a house whose inbox never says some of its events, and what stands in that house's log.
func forgetful(t *testing.T, forgets func(user string, e *pb.InboxEvent) bool) *hearing {
	gone := func(topic, key string, value []byte) bool {
		e := &pb.InboxEvent{}
		return topic == "inbox.events" && e.UnmarshalVT(value) == nil && forgets(key, e)
	}
	records := slices.DeleteFunc(peaceful(30).Log(), func(r topology.Record) bool { return gone(r.Topic, r.Key, r.Value) })
	machines := processors.Machines(small())
	for i, m := range machines {
		machines[i].Fold = func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
			next, out := m.Fold(rules, row, in)
			return next, slices.DeleteFunc(out, func(o topology.Output) bool { return gone(o.Topic, o.Key, o.Value) })
		}
	}
	a := &hearing{plan: small()}
	auditor, err := audit.New(small(), machines, memory{}, func(v audit.Violation) { a.told = append(a.told, v) })
	require.NoError(t, err)
	a.Auditor = auditor
	a.inOrder(t, records)
	return a
}

// A machine that forgets to refuse: what it says stands in the log, and its people wait for ever.
func TestAnOutcomeThatNeverComesIsCaught(t *testing.T) {
	a := forgetful(t, func(_ string, e *pb.InboxEvent) bool { return e.GetRefused() != nil })
	require.Equal(t, []audit.Law{audit.Dense, audit.Outcome}, a.laws(), "%v", a.told)
	require.Zero(t, a.Counts().Pending, "what was told is not pending any more")
}

// A machine that falls silent to somebody: no number tells what was to come.
func TestADeliveryThatNeverComesIsCaught(t *testing.T) {
	silent := map[string]uint64{} // from the last event on that somebody else caused
	for _, r := range peaceful(30).Records("inbox.events") {
		e := &pb.InboxEvent{}
		require.NoError(t, e.UnmarshalVT(r.Value))
		if said := e.GetConversation().GetEvent(); said != nil && said.GetOrigin().GetUser() != r.Key {
			silent[r.Key] = e.InboxSeq
		}
	}
	a := forgetful(t, func(user string, e *pb.InboxEvent) bool { return e.InboxSeq >= silent[user] && silent[user] > 0 })
	require.Contains(t, a.laws(), audit.Delivered, "%v", a.told)
	require.NotContains(t, a.laws(), audit.Dense, "%v", a.told)
}

// renumbered is an inbox event under another number.
func renumbered(t *testing.T, value []byte, seq uint64) []byte {
	e := &pb.InboxEvent{}
	require.NoError(t, e.UnmarshalVT(value))
	e.InboxSeq = seq
	value, err := e.MarshalVT()
	require.NoError(t, err)
	return value
}

// The proof: the log is read from its beginning and folded again, and everything that anybody said must come out equal.

package house

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// said is one output, wherever it stands.
type said struct {
	topic, key string
	value      []byte
}

// Proof is what reading the whole log gave.
type Proof struct {
	Records, Repeats int
	Events           map[string][]topology.Record // by topic, repeats left out, in order of partition and offset
}

// Prove folds the log of a quiet house and fails the test for every difference.
func Prove(t *testing.T, h *House) *Proof {
	t.Helper()
	plan := h.Plan()
	p := &Proof{Events: map[string][]topology.Record{}}
	expected := map[string]map[topology.Cause]said{}
	for _, m := range processors.Machines(plan) {
		rows := p.fold(t, h, plan, m, expected)
		p.compareTable(t, h, plan, m, rows)
	}
	for _, topic := range plan.Topics {
		p.compareTopic(t, h, topic, expected[topic.Name])
	}
	p.dense(t)
	t.Logf("proved %d records, %d of them repeats, all byte-identical", p.Records, p.Repeats)
	return p
}

func cluster(h *House) wire.Cluster { return wire.Cluster{Brokers: strings.Split(h.Kafka, ",")} }

// fold runs a machine over its input and notes what it should have said.
func (p *Proof) fold(t *testing.T, h *House, plan topology.Plan, m topology.Machine, expected map[string]map[topology.Cause]said) topology.MemoryRows {
	rows := topology.MemoryRows{}
	table := topology.Table{Machine: m, Rows: rows}
	require.NoError(t, wire.Read(context.Background(), cluster(h), m.Group.Input, func(r *topology.Record) error {
		folded, err := table.Fold(r)
		if err != nil {
			return err
		}
		for i, o := range folded.Outputs {
			c := plan.Cause(m.Group, r, i)
			if expected[o.Topic] == nil {
				expected[o.Topic] = map[topology.Cause]said{}
			}
			expected[o.Topic][c] = said{o.Topic, o.Key, bytes.Clone(o.Value)}
		}
		return nil
	}))
	return rows
}

// compareTable holds the last row of every key in the changelog against the fold.
func (p *Proof) compareTable(t *testing.T, h *House, plan topology.Plan, m topology.Machine, rows topology.MemoryRows) {
	last := topology.MemoryRows{}
	require.NoError(t, wire.Read(context.Background(), cluster(h), plan.Table(m.Group.Name), func(r *topology.Record) error {
		p.Records++
		if !wire.IsTakeover(r) {
			last[topology.RowKey{Partition: r.Partition, Key: r.Key}] = bytes.Clone(r.Value)
		}
		return nil
	}))
	require.Equal(t, len(rows), len(last), "rows of %s", m.Group.Name)
	for at, want := range rows {
		require.Equal(t, state(t, want), state(t, last[at]), "row %s of %s/%d", at.Key, m.Group.Name, at.Partition)
	}
}

// state is a row without the position that a rewrite may raise.
func state(t *testing.T, b []byte) string {
	var row pb.Row
	require.NoError(t, row.UnmarshalVT(b))
	row.Through = 0
	clean, err := row.MarshalVT()
	require.NoError(t, err)
	return string(clean)
}

// compareTopic holds what stands in a topic against what the fold says: nothing missing, nothing else, repeats identical.
func (p *Proof) compareTopic(t *testing.T, h *House, topic topology.Topic, expected map[topology.Cause]said) {
	seen := map[topology.Cause]said{}
	strangers := 0
	require.NoError(t, wire.Read(context.Background(), cluster(h), topic.Name, func(r *topology.Record) error {
		p.Records++
		packed := r.Get(topology.HeaderCause)
		if packed == nil { // from a gateway
			strangers++
			return nil
		}
		c, err := topology.UnpackCause(packed)
		if err != nil {
			return fmt.Errorf("%s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		now := said{r.Topic, r.Key, bytes.Clone(r.Value)}
		want, ok := expected[c]
		if !ok || want.key != now.key || !bytes.Equal(want.value, now.value) {
			return fmt.Errorf("%s/%d@%d: cause %+v said something that the fold does not say", r.Topic, r.Partition, r.Offset, c)
		}
		if _, repeat := seen[c]; repeat {
			p.Repeats++
			return nil
		}
		seen[c] = now
		p.Events[topic.Name] = append(p.Events[topic.Name], *r)
		return nil
	}))
	for c, want := range expected {
		if _, ok := seen[c]; !ok {
			require.FailNow(t, "something is missing", "%s for %s, cause %+v", want.topic, want.key, c)
		}
	}
	if strangers > 0 && !h.Strangers[topic.Name] {
		require.Contains(t, topic.Writers, "session", "%s has %d records without a cause", topic.Name, strangers)
	}
}

// dense checks every number that a client relies on.
func (p *Proof) dense(t *testing.T) {
	inbox, seq, number := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	for _, r := range p.Events["inbox.events"] {
		var e pb.InboxEvent
		require.NoError(t, e.UnmarshalVT(r.Value))
		inbox[r.Key]++
		require.Equal(t, inbox[r.Key], e.InboxSeq, "inbox of %s", r.Key)
	}
	for _, r := range p.Events["conversation.events"] {
		var e pb.ConversationEvent
		require.NoError(t, e.UnmarshalVT(r.Value))
		seq[r.Key]++
		if e.GetMessageSent() != nil {
			number[r.Key]++
		}
		require.Equal(t, seq[r.Key], e.Seq, "seq of %s", r.Key)
		require.Equal(t, number[r.Key], e.Number, "number of %s", r.Key)
	}
}

// Outcomes counts, for every command of a person's device, what the person's inbox was told about it. That another number
// was expected is none: the device sends the command again.
func (p *Proof) Outcomes(t *testing.T) map[string]int {
	told := map[string]int{}
	for _, r := range p.Events["inbox.events"] {
		var e pb.InboxEvent
		require.NoError(t, e.UnmarshalVT(r.Value))
		var o *pb.Origin
		switch w := e.Word.(type) {
		case *pb.InboxEvent_Conversation:
			o = w.Conversation.GetEvent().GetOrigin()
		case *pb.InboxEvent_Account:
			o = w.Account.GetEvent().GetOrigin()
		case *pb.InboxEvent_Refused:
			if w.Refused.GetReason() != pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
				o = w.Refused.GetOrigin()
			}
		}
		if o.GetUser() == r.Key && o.GetClientSeq() > 0 {
			told[fmt.Sprintf("%s/%s/%d", o.User, o.DeviceId, o.ClientSeq)]++
		}
	}
	return told
}

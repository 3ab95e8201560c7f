// A replay of a house that is as the log says finds nothing; every kind of forged or damaged row of a changelog it finds.

package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/parley-im/parley/cmd/parley/dev"
	"github.com/parley-im/parley/cmd/parley/output"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
)

// replayed is what parley verify --replay prints as JSON, as far as is asked here.
type replayed struct {
	Clean   bool
	Records int64
	Rate    float64 `json:"records_per_second"`
	Tables  []struct {
		Table  string
		Inputs int64
		Rows   int64
		Moving int64
		Differ int64
		Told   []string `json:"first_differences"`
	}
	Views struct {
		Total int `json:"total_differences"`
	}
}

func (h *house) replay(t *testing.T) (r replayed, code int) {
	t.Helper()
	out, code := h.tool(t, "verify", "--replay", "--output", "json")
	require.NotEqual(t, 1, code, out)
	require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&r), out)
	require.Len(t, r.Tables, len(topology.House().Groups))
	return r, code
}

// replays folds everything anew: nothing differs, and nothing is left out.
func replays(t *testing.T, h *house) {
	r, code := h.replay(t)
	require.Zero(t, code, "%+v", r)
	require.True(t, r.Clean)
	require.Positive(t, r.Records)
	require.Positive(t, r.Rate)
	for _, table := range r.Tables {
		require.Zero(t, table.Moving, "nobody speaks: %+v", table)
		require.True(t, table.Rows > 0 || table.Inputs == 0, "%+v", table)
	}
}

// forgedRows writes into a changelog what the house did not, one kind after another; what was found stays found.
func forgedRows(t *testing.T, h *house) {
	plan := topology.House()
	plan.Partitions = dev.Partitions
	table := plan.Table("outbox")
	last := map[string][]byte{}
	require.NoError(t, wire.Read(t.Context(), wire.Cluster{Brokers: []string{h.Kafka}}, table, func(r *topology.Record) error {
		last[r.Key] = r.Value
		return nil
	}))
	row := func(change func(*pb.Row)) []byte {
		forged := &pb.Row{}
		require.NoError(t, forged.UnmarshalVT(last["ann"]))
		change(forged)
		value, err := forged.MarshalVT()
		require.NoError(t, err)
		return value
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for i, forged := range []struct {
		key   string
		value []byte
		says  string
	}{
		{"ann", []byte{0xff, 0xff}, "is no row"},
		{"bob", nil, "is no row"},
		{"nobody", row(func(*pb.Row) {}), "is of that key"},
		{"ann", row(func(r *pb.Row) { r.TimeMs++ }), "has another row"},
		{"ann", row(func(r *pb.Row) { r.Through += 1_000_000 }), "the input ends before"},
	} {
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: table, Key: []byte(forged.key), Value: forged.value,
			Partition: topology.PartitionOf(forged.key, plan.Partitions)}).FirstErr())
		r, code := h.replay(t)
		require.Equal(t, output.CheckFailed, code, "%+v", r)
		require.False(t, r.Clean)
		outbox := r.Tables[0]
		require.Equal(t, "outbox", outbox.Table)
		require.EqualValues(t, min(i+1, 4), outbox.Differ, "a row that is forged again is one row: %+v", outbox)
		require.True(t, slices.ContainsFunc(outbox.Told, func(told string) bool {
			return strings.Contains(told, forged.says) && strings.Contains(told, fmt.Sprintf("key %q", forged.key))
		}), "%s is not among %q", forged.says, outbox.Told)
	}
}

// skippedInput lets a dead letter say that a machine panicked at an input that was folded: who folds again skips it too.
func skippedInput(t *testing.T, h *house) {
	account := func(r replayed) int64 {
		i := slices.IndexFunc(topology.House().Groups, func(g topology.Group) bool { return g.Name == "account" })
		require.Equal(t, "account", r.Tables[i].Table)
		return r.Tables[i].Differ
	}
	before, _ := h.replay(t)
	require.Zero(t, account(before))
	letter := &pb.DeadLetter{Group: "account", Topic: "account.commands", Failing: pb.Failing_FAILING_PANIC, Detail: "the machine panicked"}
	require.NoError(t, wire.Read(t.Context(), wire.Cluster{Brokers: []string{h.Kafka}}, letter.Topic, func(r *topology.Record) error {
		if r.Key == "ann" && letter.Key == nil {
			letter.Key, letter.Partition, letter.Offset = []byte(r.Key), r.Partition, r.Offset
		}
		return nil
	}))
	require.NotEmpty(t, letter.Key)
	value, err := letter.MarshalVT()
	require.NoError(t, err)
	client, err := kgo.NewClient(kgo.SeedBrokers(h.Kafka))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topology.DeadLetters, Key: letter.Key, Value: value}).FirstErr())
	after, _ := h.replay(t)
	require.Positive(t, account(after), "Ann's account was not made")
}

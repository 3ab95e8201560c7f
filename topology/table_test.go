// Tables, with a machine that counts the records of each key.

package topology

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// counting is a machine whose rows count records in one byte. It drops records without a value. The value of RulesKey is the
// version of the rules.
func counting() Machine {
	return Machine{
		Group: Group{Name: "count", Number: 7},
		Fold: func(rules uint32, row []byte, in *Record) ([]byte, []Output) {
			switch {
			case len(in.Value) == 0:
				return nil, nil
			case in.Key == RulesKey:
				return in.Value, nil
			case row == nil:
				row = []byte{0}
			}
			return []byte{row[0] + 1}, []Output{{Topic: "count.events", Key: in.Key, Value: []byte{byte(rules)}}}
		},
		RulesAt: func(row []byte, _ int64) uint32 {
			if row == nil {
				return 1
			}
			return uint32(row[0])
		},
		MaxRules: 2,
	}
}

func TestTable(t *testing.T) {
	rows := MemoryRows{}
	table := Table{Machine: counting(), Rows: rows}
	fold := func(partition int32, offset int64, key string, value ...byte) Folded {
		folded, err := table.Fold(&Record{Topic: "count.commands", Partition: partition, Offset: offset, Key: key, Value: value})
		require.NoError(t, err)
		return folded
	}
	first := fold(0, 0, "ann", 1)
	require.Nil(t, first.Before)
	require.Equal(t, []byte{1}, first.After)
	second := fold(0, 1, "ann", 1)
	require.Equal(t, []byte{1}, second.Before)
	require.Equal(t, []byte{2}, second.After)
	require.Equal(t, []byte{1}, fold(1, 0, "ann", 1).After, "the key of another partition is another row")

	dropped := fold(0, 2, "ann")
	require.Nil(t, dropped.After)
	require.Empty(t, dropped.Outputs)
	require.Equal(t, []byte{2}, rows.Get(RowKey{0, "ann"}))

	fold(0, 3, RulesKey, 2)
	require.Equal(t, []byte{2}, fold(0, 4, "ann", 1).Outputs[0].Value, "the rules of the partition are in force")
	require.Equal(t, []byte{1}, fold(1, 1, "ann", 1).Outputs[0].Value, "and of no other")

	fold(0, 5, RulesKey, 3)
	_, err := table.Fold(&Record{Topic: "count.commands", Offset: 6, Key: "ann", Value: []byte{1}})
	require.Equal(t, UnknownRules{Topic: "count.commands", Offset: 6, Rules: 3, Max: 2}, err)
	require.Equal(t, []byte{3}, rows.Get(RowKey{0, "ann"}), "the row stays")
}

func TestInheritedHeaders(t *testing.T) {
	in := &Record{Headers: []Header{
		{HeaderTrace, []byte("t")}, {HeaderCause, []byte("c")}, {"other", nil}, {HeaderLane, []byte("l")}, {HeaderCorrelation, []byte("id")},
	}}
	headers := in.Inherited()
	require.Equal(t, []Header{{HeaderCorrelation, []byte("id")}, {HeaderLane, []byte("l")}, {HeaderTrace, []byte("t")}}, headers)
	cause := Header{Key: HeaderCause} // stands before them
	require.True(t, slices.IsSortedFunc(append([]Header{cause}, headers...), func(a, b Header) int { return strings.Compare(a.Key, b.Key) }))
}

func TestCauseOfAnOutput(t *testing.T) {
	in := &Record{Partition: 3, Offset: 9}
	require.Equal(t, Cause{Epoch: 5, Group: 2, Partition: 3, Offset: 9, Index: 1}, Plan{Epoch: 5}.Cause(Group{Number: 2}, in, 1))
}

func TestThrough(t *testing.T) {
	row, err := WithThrough([]byte{0x10, 7}, 300)
	require.NoError(t, err)
	require.Equal(t, []byte{0x08, 0xac, 0x02, 0x10, 7}, row)
	through, err := Through(row)
	require.NoError(t, err)
	require.EqualValues(t, 300, through)
	row, err = WithThrough(row, 1)
	require.NoError(t, err)
	require.Equal(t, []byte{0x08, 1, 0x10, 7}, row)
	for value, want := range map[string]string{"": "", "\x08": "read a row", "\xff": "read a row"} {
		through, err := Through([]byte(value))
		require.Zero(t, through)
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

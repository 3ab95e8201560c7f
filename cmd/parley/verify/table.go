// One table folded again and compared with its changelog, row by row, byte for byte.

package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parley-im/parley/cmd/parley/replay"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// maxShownDifferences is how many rows that differ are described; all are counted.
const maxShownDifferences = 100

// Kinds of the keys of a replayed table: kind, partition, key -> row.
const (
	kindFoldedRow  = 'f' // the row of the fold
	kindWrittenRow = 'w' // the row of the changelog with the highest input offset
	rowHead        = 1 + 4
)

func rowKey(kind byte, partition int32, key string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(partition)), key...)
}

func partitionOf(rowKey []byte) int32 { return int32(binary.BigEndian.Uint32(rowKey[1:])) }

// foldedRows are the rows of the fold, for topology.Table.
type foldedRows struct{ *memory }

func (r foldedRows) Get(at topology.RowKey) []byte {
	return r.memory.Get(rowKey(kindFoldedRow, at.Partition, at.Key))
}

func (r foldedRows) Set(at topology.RowKey, row []byte) {
	r.memory.Set(rowKey(kindFoldedRow, at.Partition, at.Key), row)
}

// tableVerdict is the result of one table.
type tableVerdict struct {
	Table    string   `json:"table"`
	Inputs   int64    `json:"inputs"` // folded
	Rows     int64    `json:"rows"`   // equal, byte for byte
	Moving   int64    `json:"moving"` // written after what was folded, or not written yet
	Differ   int64    `json:"differ"`
	Shown    []string `json:"first_differences,omitempty"`
	Unproved []int32  `json:"partitions_without_beginning,omitempty"`
	Seconds  float64  `json:"seconds"`
	Rate     float64  `json:"inputs_per_second"`
	ends     []int64  // by partition: inputs below are folded
}

// bounds say, by partition, which rows must be in a changelog and how far they may be.
type bounds struct {
	commits []int64 // asked before the changelog was read: the rows of inputs below are in it
	ends    []int64 // asked after it was read: no input has a higher offset
}

// differs counts and describes a row that is not the fold's.
func (t *tableVerdict) differs(at []byte, format string, args ...any) {
	if t.Differ++; len(t.Shown) < maxShownDifferences {
		t.Shown = append(t.Shown, fmt.Sprintf("%s, partition %d, key %q: %s", t.Table, partitionOf(at), at[rowHead:], fmt.Sprintf(format, args...)))
	}
}

// note keeps a record of the changelog as its key's row, when it is further than the known one, as a recovering processor
// does. A record that is no row is a difference: nothing writes one, and rows are never deleted.
func (t *tableVerdict) note(rows *memory, record *topology.Record) {
	at := rowKey(kindWrittenRow, record.Partition, record.Key)
	if len(record.Value) == 0 || (&pb.Row{}).UnmarshalVT(record.Value) != nil {
		t.differs(at, "the changelog's record at offset %d is no row", record.Offset)
		return
	}
	if known := rows.Get(at); known == nil || replay.Through(known) <= replay.Through(record.Value) {
		rows.Set(at, record.Value)
	}
}

// compare compares the rows of the fold with those of the changelog.
func (t *tableVerdict) compare(rows *memory, b bounds) error {
	cut := map[int32]bool{}
	for _, p := range t.Unproved {
		cut[p] = true
	}
	other := func(kind byte, at []byte) []byte { return rows.Get(append([]byte{kind}, at[1:]...)) }
	rows.Scan([]byte{kindFoldedRow}, []byte{kindFoldedRow + 1}, func(at, folded []byte) bool {
		p, through, written := partitionOf(at), replay.Through(folded), other(kindWrittenRow, at)
		switch to := replay.Through(written); {
		case written != nil && to > b.ends[p]:
			t.differs(at, "the changelog has a row after input %d, and the input ends before %d", to-1, b.ends[p])
		case written == nil || to < through:
			if through <= b.commits[p] {
				t.differs(at, "the changelog has no row, or an older one, and its input is committed")
			} else {
				t.Moving++
			}
		case bytes.Equal(movedTo(folded, to), written):
			t.Rows++
		case to > t.ends[p]: // of an input that came after all was read
			t.Moving++
		default:
			t.differs(at, "the changelog has another row")
		}
		return true
	})
	rows.Scan([]byte{kindWrittenRow}, []byte{kindWrittenRow + 1}, func(at, written []byte) bool {
		p, to := partitionOf(at), replay.Through(written)
		switch {
		case cut[p] || other(kindFoldedRow, at) != nil:
		case to > t.ends[p] && to <= b.ends[p]: // its key came after what was folded
			t.Moving++
		default:
			t.differs(at, "the changelog has a row, and no input below %d is of that key", t.ends[p])
		}
		return true
	})
	return rows.err
}

// movedTo is a row whose inputs are folded up to a higher offset, as a rewrite of the changelog makes it.
func movedTo(row []byte, through int64) []byte {
	r := &pb.Row{}
	if r.UnmarshalVT(row) != nil {
		return row
	}
	r.Through = through
	moved, err := r.MarshalVT()
	if err != nil {
		return row
	}
	return moved
}

func (t *tableVerdict) print(w io.Writer) {
	fmt.Fprintf(w, "table/%-13s %8d inputs folded in %.1f s (%.0f/s), %d rows equal byte for byte", t.Table, t.Inputs, t.Seconds, t.Rate, t.Rows)
	if t.Moving > 0 {
		fmt.Fprintf(w, ", %d changed meanwhile", t.Moving)
	}
	fmt.Fprintln(w)
	if len(t.Unproved) > 0 {
		fmt.Fprintf(w, "NOT COMPARED %d partitions of %s: retention has deleted the beginning of their input\n", len(t.Unproved), t.Table)
	}
	for _, d := range t.Shown {
		fmt.Fprintf(w, "VIOLATED %s\n", d)
	}
}

// Tables: a group's input folded record by record, as every tool and test does that folds the log again.

package topology

// RowKey names a row of a table. The key alone does not: every partition has a row of RulesKey, and a record with a
// misplaced key may stand in any partition.
type RowKey struct {
	Partition int32
	Key       string
}

// Rows holds the rows of a table.
type Rows interface {
	Get(at RowKey) []byte // nil = no record of the key was folded
	Set(at RowKey, row []byte)
}

// MemoryRows are rows in memory.
type MemoryRows map[RowKey][]byte

// Get returns a row.
func (m MemoryRows) Get(at RowKey) []byte { return m[at] }

// Set keeps a row.
func (m MemoryRows) Set(at RowKey, row []byte) { m[at] = row }

// Table is a group's machine with the rows that it folds into. The records of each partition are to be folded in the order
// of their offsets; the order of partitions does not matter.
type Table struct {
	Machine Machine
	Rows    Rows
}

// Folded is what one input did.
type Folded struct {
	In      *Record
	Before  []byte // the row before; nil = none
	After   []byte // the row after; nil = the input was dropped and the row stays
	Outputs []Output
}

// Fold folds the next input under the rules in force and keeps the row. The error is an UnknownRules.
func (t *Table) Fold(in *Record) (Folded, error) {
	rules, err := t.Machine.Rules(t.Rows.Get(RowKey{in.Partition, RulesKey}), in)
	if err != nil {
		return Folded{}, err
	}
	at := RowKey{in.Partition, in.Key}
	f := Folded{In: in, Before: t.Rows.Get(at)}
	f.After, f.Outputs = t.Machine.Fold(rules, f.Before, in)
	if f.After != nil {
		t.Rows.Set(at, f.After)
	}
	return f, nil
}

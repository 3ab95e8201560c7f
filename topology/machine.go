// Machines: a group's fold with what is needed to run it.

package topology

import "fmt"

// Fold is the one function that folds a group's input into its table. It is pure: the same arguments give the same
// results on every owner and in every replay. The processor, replay, explain, verify, the simulator and the tests all call it.
//
// row is the row's bytes before (nil = no record of the key was folded). next is nil exactly when the record is dropped: it
// was folded already (its offset is below row.through), or it repeats a cause or client_seq that the row has; then out is
// empty too. Otherwise the row must be written, also when out is empty. An input that cannot be applied gives a dead letter
// among out.
type Fold func(rules uint32, row []byte, in *Record) (next []byte, out []Output)

// RulesKey is the key of the row that remembers which rules are in force in a partition. No user can have this name. Its
// records are produced to each input partition by number, not by hash.
const RulesKey = "~rules"

// RulesAt reads the row of RulesKey (nil = none) and returns the version of the rules in force for the record at an offset.
type RulesAt func(row []byte, offset int64) uint32

// Machine is a group's fold with what the wire must know to run it.
type Machine struct {
	Group    Group
	Fold     Fold
	RulesAt  RulesAt
	MaxRules uint32 // newest rules that this binary knows; a newer activation stops the partition
}

// Rules is the version of the rules in force for an input, by the row of RulesKey of its partition. The error is an
// UnknownRules.
func (m Machine) Rules(row []byte, in *Record) (uint32, error) {
	rules := m.RulesAt(row, in.Offset)
	if rules > m.MaxRules {
		return rules, UnknownRules{Topic: in.Topic, Partition: in.Partition, Offset: in.Offset, Rules: rules, Max: m.MaxRules}
	}
	return rules, nil
}

// UnknownRules is the error of an input whose rules are newer than the binary. Only a newer binary can fold it.
type UnknownRules struct {
	Topic      string
	Partition  int32
	Offset     int64
	Rules, Max uint32 // in force; newest known
}

func (e UnknownRules) Error() string {
	return fmt.Sprintf("rules %d are in force at %s/%d@%d, and this binary knows them up to %d: use a newer one",
		e.Rules, e.Topic, e.Partition, e.Offset, e.Max)
}

// Rules: which version of them holds from which offset on is itself a record in the log, so a record is folded by the
// same rules for ever, whatever binary folds it.

package processors

import (
	"fmt"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const (
	firstRules     = 1  // the rules that hold before any activation
	maxActivations = 64 // activations remembered by a partition
)

// takeRules folds a record of the key RulesKey: it appends an activation to the row of that key.
func (b *bound) takeRules(next *pb.Row, in *topology.Record) (*pb.Row, []topology.Output) {
	cmd, failing, detail := b.open(in)
	if failing != 0 {
		return next, b.letter(in, failing, detail)
	}
	had := next.GetRulesRow().GetActivations()
	newest := uint32(firstRules)
	if len(had) > 0 {
		newest = had[len(had)-1].Rules
	}
	activate := cmd.GetActivateRules()
	switch {
	case activate == nil:
		detail = "under the key " + topology.RulesKey + " only ActivateRules may stand"
	case activate.Rules <= newest:
		detail = fmt.Sprintf("rules %d do not come after rules %d: rules only rise", activate.Rules, newest)
	case len(had) >= maxActivations:
		detail = fmt.Sprintf("the partition has had %d activations, which is the limit: cut the log anew", maxActivations)
	}
	if detail != "" {
		return next, b.letter(in, pb.Failing_FAILING_MALFORMED_RECORD, detail)
	}
	activations := append(had[:len(had):len(had)], &pb.Activation{Offset: in.Offset, Rules: activate.Rules})
	next.State = &pb.Row_RulesRow{RulesRow: &pb.RulesRow{Activations: activations}}
	return next, nil
}

// rulesAt is the topology.RulesAt of every group.
func rulesAt(value []byte, offset int64) uint32 {
	row := &pb.Row{}
	if err := row.UnmarshalVT(value); err != nil {
		panic(Damage{"the row of " + topology.RulesKey + " is damaged: wipe the local store and let it recover from the changelog"})
	}
	rules := uint32(firstRules)
	for _, a := range row.GetRulesRow().GetActivations() {
		if a.Offset < offset {
			rules = a.Rules
		}
	}
	return rules
}

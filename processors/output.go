// Outputs and rows as bytes.

package processors

import (
	"fmt"

	"github.com/parley-im/parley/processors/machine"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// outputs encodes what a machine emits and finds its topics in the plan.
func (b *bound) outputs(made []machine.Output) ([]topology.Output, error) {
	out := make([]topology.Output, len(made))
	for i, m := range made {
		o := &out[i]
		o.Key = m.Key
		if i > 0 && m.Message == made[i-1].Message { // one message for many receivers is encoded once
			o.Topic, o.Value = out[i-1].Topic, out[i-1].Value
		} else {
			name, ok := m.Message.ProtoReflect().Descriptor().Name(), false
			if o.Topic, ok = b.topics[name]; !ok {
				return nil, fmt.Errorf("group %s says a %s, but the plan gives it no such topic", b.group.Name, name)
			}
			o.Value = encode(m.Message.(encodable))
		}
		if len(o.Value) > topology.MaxValue || len(o.Key) > topology.MaxKey {
			return nil, oversized{"a record for " + o.Topic, len(o.Value)}
		}
	}
	return out, nil
}

// decodeRow decodes the row of a key; nil = there is none. The caller gives it an empty one, which then need not be on the heap.
func (b *bound) decodeRow(row *pb.Row, value []byte, key string) *pb.Row {
	if value == nil {
		return nil
	}
	err := row.UnmarshalVT(value)
	ours := row.State == nil || b.machine.Owns(row) || row.GetRulesRow() != nil && key == topology.RulesKey
	if err != nil || !ours {
		panic(Damage{fmt.Sprintf("the row of %q in group %s is damaged or not of this group: wipe the local store and let it recover from the changelog", key, b.group.Name)})
	}
	return row
}

// encodable is a message that vtprotobuf generated. The schema has no maps, so its encoding is canonical.
type encodable interface{ MarshalVT() ([]byte, error) }

func encode(message encodable) []byte {
	value, err := message.MarshalVT()
	if err != nil { // vtprotobuf has no reason for one: the schema is proto3 and every message is made here
		panic(Damage{"a message cannot be encoded: " + err.Error()})
	}
	return value
}

// Decoding for people: a topic's bytes as its message, by the envelope that the plan names.

package processors

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// schemaPackage is the protobuf package of every envelope.
const schemaPackage protoreflect.FullName = "parley.v1"

// envelopes are the message of each topic and table.
var envelopes = envelopesOf(topology.House())

func envelopesOf(plan topology.Plan) map[string]protoreflect.FullName {
	all := make(map[string]protoreflect.FullName, len(plan.Topics)+len(plan.Groups))
	for _, t := range plan.Topics {
		all[t.Name] = schemaPackage.Append(protoreflect.Name(t.Envelope))
	}
	for _, g := range plan.Groups {
		all[plan.Table(g.Name)] = (&pb.Row{}).ProtoReflect().Descriptor().FullName()
	}
	return all
}

// Decode is the message that a value of a topic, or of a group's table, holds.
func Decode(topic string, value []byte) (proto.Message, error) {
	envelope, ok := envelopes[topic]
	if !ok {
		return nil, fmt.Errorf("the plan has no topic %q: parley topology lists them", topic)
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(envelope)
	if err != nil {
		return nil, fmt.Errorf("topic %s holds %s, which is in no schema: add it to schemas/parley/v1: %w", topic, envelope, err)
	}
	message := kind.New().Interface()
	decodable, ok := message.(interface{ UnmarshalVT([]byte) error })
	if !ok {
		return nil, fmt.Errorf("%s has no UnmarshalVT: run schemas/generate.sh", envelope)
	}
	if err := decodable.UnmarshalVT(value); err != nil {
		return nil, fmt.Errorf("the value is not the %s that %s holds: %w", envelope.Name(), topic, err)
	}
	return message, nil
}

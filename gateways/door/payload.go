// The names of the payloads of frames, for metrics.

package door

import (
	"reflect"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// payloads are the names of a frame's payloads by their Go types, so that the schema is read once.
type payloads map[reflect.Type]string

var (
	clientPayloads = payloadsOf(new(pb.ClientFrame).ProtoReflect(), func(m protoreflect.Message) any { return m.Interface().(*pb.ClientFrame).GetWord() })
	serverPayloads = payloadsOf(new(pb.ServerFrame).ProtoReflect(), func(m protoreflect.Message) any { return m.Interface().(*pb.ServerFrame).GetWord() })
)

func payloadsOf(frame protoreflect.Message, payload func(protoreflect.Message) any) payloads {
	named := payloads{nil: "none"}
	fields := frame.Descriptor().Oneofs().Get(0).Fields()
	for i := range fields.Len() {
		m := frame.New()
		m.Set(fields.Get(i), m.NewField(fields.Get(i)))
		named[reflect.TypeOf(payload(m))] = string(fields.Get(i).Name())
	}
	return named
}

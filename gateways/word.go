// The names of the words in an envelope, for metrics and the log drawer.

package gateways

import (
	"reflect"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// words are the names of an envelope's words by their Go types, so that the schema is asked once.
type words map[reflect.Type]string

var (
	clientWords = wordsOf(new(pb.ClientFrame).ProtoReflect(), func(m protoreflect.Message) any { return m.Interface().(*pb.ClientFrame).GetWord() })
	serverWords = wordsOf(new(pb.ServerFrame).ProtoReflect(), func(m protoreflect.Message) any { return m.Interface().(*pb.ServerFrame).GetWord() })
)

func wordsOf(envelope protoreflect.Message, word func(protoreflect.Message) any) words {
	named := words{nil: "none"}
	fields := envelope.Descriptor().Oneofs().Get(0).Fields()
	for i := range fields.Len() {
		m := envelope.New()
		m.Set(fields.Get(i), m.NewField(fields.Get(i)))
		named[reflect.TypeOf(word(m))] = string(fields.Get(i).Name())
	}
	return named
}

// oneofWord is the field name of the first oneof that is set in a message.
func oneofWord(m protoreflect.Message) string {
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if field := m.WhichOneof(oneofs.Get(i)); field != nil {
			return string(field.Name())
		}
	}
	return "none"
}

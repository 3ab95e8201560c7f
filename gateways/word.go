// The name of the word in an envelope, for metrics and the log drawer.

package gateways

import "google.golang.org/protobuf/reflect/protoreflect"

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

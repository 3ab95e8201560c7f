// Package transcript prints commands, events and rows as one short line each, for tests and tools:
//
//	MessageSent{body "Hello"} (seq 2, number 1, time +51ms, origin ann/phone#3)
package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// Printer prints messages. Its zero value prints times as they are.
type Printer struct {
	BeginMs int64    // milliseconds since 1970 from which times are counted
	Hide    []string // fields to leave out, as "Message.field"
	Brief   bool     // events within deliveries are named, not printed again
}

// Line prints one message.
func (p Printer) Line(m proto.Message) string { return p.message(m.ProtoReflect()) }

// message prints common messages in a short form, and everything else as Name{field value, ...}.
func (p Printer) message(m protoreflect.Message) string {
	switch m := m.Interface().(type) {
	case *pb.Origin:
		return origin(m)
	case *pb.Sealed:
		return sealed(m)
	case *pb.Member:
		return fmt.Sprintf("%s(%s since %d/%d)", m.User, enum(m.Role.Descriptor(), m.Role.Number()), m.SinceSeq, m.SinceNumber)
	case *pb.Ask:
		if m.Invite {
			return fmt.Sprintf("%s to be invited for %s", m.User, origin(m.Origin))
		}
		return fmt.Sprintf("%s for %s", m.User, origin(m.Origin))
	case *pb.Invitation:
		return fmt.Sprintf("%s by %s", m.User, m.By)
	case *pb.OutboxDevice:
		return fmt.Sprintf("%s#%d used %s", m.DeviceId, m.ClientSeq, p.time(m.UsedAtMs))
	case *pb.PresenceLease:
		return fmt.Sprintf("%s until %s", m.SessionId, p.time(m.UntilMs))
	case *pb.ConversationSaid:
		if p.Brief {
			return fmt.Sprintf("%s said %s (seq %d)", m.Conversation, payloadOf(m.Event), m.Event.GetSeq())
		}
	case *pb.AccountSaid:
		if p.Brief {
			return fmt.Sprintf("own account said %s (version %d)", payloadOf(m.Event), m.Event.GetVersion())
		}
	}
	payload, fields := p.fields(m)
	switch {
	case payload == "":
		return fmt.Sprintf("%s{%s}", m.Descriptor().Name(), strings.Join(fields, ", "))
	case len(fields) == 0:
		return payload
	}
	return fmt.Sprintf("%s (%s)", payload, strings.Join(fields, ", "))
}

// fields prints the set fields of a message; the payload of its oneof stands apart.
func (p Printer) fields(m protoreflect.Message) (payload string, fields []string) {
	all := m.Descriptor().Fields()
	for i := range all.Len() {
		field := all.Get(i)
		switch {
		case !m.Has(field) || p.hidden(field):
		case field.ContainingOneof() != nil:
			payload = p.value(field, m.Get(field))
		default:
			fields = append(fields, p.field(field, m.Get(field)))
		}
	}
	return payload, fields
}

func (p Printer) hidden(field protoreflect.FieldDescriptor) bool {
	return slices.Contains(p.Hide, string(field.Parent().Name())+"."+string(field.Name()))
}

// payloadOf is the name of an event's payload.
func payloadOf(m proto.Message) protoreflect.Name {
	of := m.ProtoReflect()
	if payload := of.WhichOneof(of.Descriptor().Oneofs().ByName("word")); payload != nil {
		return payload.Message().Name()
	}
	return "nothing"
}

func (p Printer) field(field protoreflect.FieldDescriptor, v protoreflect.Value) string {
	name := strings.TrimSuffix(string(field.Name()), "_ms")
	if !field.IsList() {
		return name + " " + p.value(field, v)
	}
	var values []string
	for i := range v.List().Len() {
		values = append(values, p.value(field, v.List().Get(i)))
	}
	return fmt.Sprintf("%s [%s]", name, strings.Join(values, ", "))
}

func (p Printer) value(field protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case field.Message() != nil:
		return p.message(v.Message())
	case field.Enum() != nil:
		return enum(field.Enum(), v.Enum())
	case field.Kind() == protoreflect.BytesKind:
		return strconv.Quote(string(v.Bytes()))
	case strings.HasSuffix(string(field.Name()), "_ms"):
		return p.time(v.Int())
	}
	return v.String()
}

// time prints milliseconds since 1970, counted from the printer's begin if they are later.
func (p Printer) time(ms int64) string {
	if p.BeginMs == 0 || ms < p.BeginMs {
		return strconv.FormatInt(ms, 10)
	}
	return fmt.Sprintf("+%dms", ms-p.BeginMs)
}

// enum prints a value without the name of its enum: REASON_BLOCKED is BLOCKED.
func enum(kind protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	value := kind.Values().ByNumber(n)
	if value == nil {
		return strconv.Itoa(int(n))
	}
	prefix, _ := strings.CutSuffix(string(kind.Values().ByNumber(0).Name()), "UNSPECIFIED")
	return strings.TrimPrefix(string(value.Name()), prefix)
}

func origin(o *pb.Origin) string {
	if o.DeviceId == "" && o.ClientSeq == 0 {
		return o.User
	}
	return fmt.Sprintf("%s/%s#%d", o.User, o.DeviceId, o.ClientSeq)
}

// tag is the length of AES-GCM's tag behind the text.
const tag = 16 // bytes

// sealed shows the text when a test's gate left it open; ciphertext is shown by its length.
func sealed(s *pb.Sealed) string {
	text := s.Ciphertext[:max(len(s.Ciphertext)-tag, 0)]
	for _, c := range text {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("<%d sealed bytes>", len(s.Ciphertext))
		}
	}
	if len(text) > 60 {
		return fmt.Sprintf("<%d sealed bytes>", len(s.Ciphertext))
	}
	return strconv.Quote(string(text))
}

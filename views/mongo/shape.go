// Messages as documents that people can read and query: every field of the schema under its own name.
//
// The schema is the only description of a document. Numbers are int64, enums are the names of their values without the
// prefix, times are dates (time_ms becomes time), sealed text is binary: its key is in no database. What is zero or empty is
// left out, as on the wire, so a document and its message are equivalent, and comparing messages compares documents.

package mongo

import (
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/views/store"
)

// wholeMessage is the one field of documents of the earlier form: the encoded message.
const wholeMessage = "value"

// What documents hold, and the field that is in their ids or keys instead.
var (
	conversationShape = shapeOf(store.History, new(pb.ConversationDocument).ProtoReflect().Descriptor(), "conversation")
	messageShape      = shapeOf(store.History, new(pb.HistoryMessage).ProtoReflect().Descriptor(), "number")
	personShape       = shapeOf(store.People, new(pb.Person).ProtoReflect().Descriptor(), "user")
)

// shape is how messages of one kind are stored as documents.
type shape struct {
	view   string                       // whose documents they are
	id     protoreflect.FieldDescriptor // is the document's _id or key, and not in it; nil = none
	fields []field
	byName map[string]*field
}

// field is one field of a message and of a document.
type field struct {
	name   string // in the document
	schema protoreflect.FieldDescriptor
	date   bool
	prefix string // of the names of an enum
	inner  *shape // of a message
	anew   string // what to do when a document is of another form
}

// shapeOf derives a shape from the schema. id may be empty.
func shapeOf(view string, message protoreflect.MessageDescriptor, id protoreflect.Name) *shape {
	s := &shape{view: view, id: message.Fields().ByName(id), byName: map[string]*field{}}
	for i := range message.Fields().Len() {
		schema := message.Fields().Get(i)
		if schema == s.id {
			continue
		}
		f := field{schema: schema, anew: s.anew()}
		f.name, f.date = strings.CutSuffix(string(schema.Name()), "_ms")
		switch schema.Kind() {
		case protoreflect.MessageKind:
			f.inner = shapeOf(view, schema.Message(), "")
		case protoreflect.EnumKind:
			f.prefix = strings.TrimSuffix(string(schema.Enum().Values().ByNumber(0).Name()), "UNSPECIFIED")
		}
		s.fields = append(s.fields, f)
	}
	for i := range s.fields {
		s.byName[s.fields[i].name] = &s.fields[i]
	}
	return s
}

// document is a message as a document.
func (s *shape) document(m protoreflect.Message) bson.Raw {
	begin, to := bsoncore.AppendDocumentStart(nil)
	return end(s.append(to, m), begin)
}

// at is a message as a document with its position.
func (s *shape) at(position int64, m protoreflect.Message) bson.Raw {
	begin, to := bsoncore.AppendDocumentStart(nil)
	return end(s.append(bsoncore.AppendInt64Element(to, "position", position), m), begin)
}

// end closes a document. It cannot fail: the length is written where the document began.
func end(document []byte, begin int32) []byte {
	document, _ = bsoncore.AppendDocumentEnd(document, begin)
	return document
}

// append writes the fields of a message behind what a document holds already.
func (s *shape) append(to []byte, m protoreflect.Message) []byte {
	for i := range s.fields {
		f := &s.fields[i]
		if !m.Has(f.schema) {
			continue
		}
		value := m.Get(f.schema)
		if !f.schema.IsList() {
			to = f.append(to, f.name, value)
			continue
		}
		list := value.List()
		begin, array := bsoncore.AppendArrayElementStart(to, f.name)
		for i := range list.Len() {
			array = f.append(array, strconv.Itoa(i), list.Get(i))
		}
		to = end(array, begin)
	}
	return to
}

// append writes one value under a name.
func (f *field) append(to []byte, name string, value protoreflect.Value) []byte {
	switch f.schema.Kind() {
	case protoreflect.MessageKind:
		begin, inner := bsoncore.AppendDocumentElementStart(to, name)
		return end(f.inner.append(inner, value.Message()), begin)
	case protoreflect.EnumKind:
		if known := f.schema.Enum().Values().ByNumber(value.Enum()); known != nil {
			return bsoncore.AppendStringElement(to, name, strings.TrimPrefix(string(known.Name()), f.prefix))
		}
		return bsoncore.AppendInt64Element(to, name, int64(value.Enum())) // of a newer schema
	case protoreflect.BoolKind:
		return bsoncore.AppendBooleanElement(to, name, value.Bool())
	case protoreflect.StringKind:
		return bsoncore.AppendStringElement(to, name, value.String())
	case protoreflect.BytesKind:
		return bsoncore.AppendBinaryElement(to, name, bson.TypeBinaryGeneric, value.Bytes())
	case protoreflect.Uint64Kind:
		return bsoncore.AppendInt64Element(to, name, int64(value.Uint()))
	case protoreflect.Int64Kind:
		if f.date {
			return bsoncore.AppendDateTimeElement(to, name, value.Int())
		}
		return bsoncore.AppendInt64Element(to, name, value.Int())
	}
	panic(fmt.Sprintf("the schema has a %v in %s: add how it is stored in a document", f.schema.Kind(), f.schema.FullName()))
}

// read reads a document into a message. What it does not know is of a newer schema and is left alone.
func (s *shape) read(document bson.Raw, m protoreflect.Message) error {
	elements, err := document.Elements()
	if err != nil {
		return err
	}
	for _, element := range elements {
		f := s.byName[element.Key()]
		if element.Key() == wholeMessage {
			return fmt.Errorf("the document is of an earlier form, whose field %s holds it all: %s", wholeMessage, s.anew())
		}
		if f == nil {
			continue
		}
		if f.schema.IsList() {
			err = f.readList(element.Value(), m.Mutable(f.schema).List())
		} else if f.inner != nil {
			err = f.readInner(element.Value(), m.Mutable(f.schema).Message())
		} else {
			err = f.read(element.Value(), m)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// readValue reads a document inside another one. In the earlier form bytes were there.
func (s *shape) readValue(value bson.RawValue, m protoreflect.Message) error {
	document, ok := value.DocumentOK()
	if !ok {
		return fmt.Errorf("a %v is where a document belongs, as in an earlier form: %s", value.Type, s.anew())
	}
	return s.read(document, m)
}

// anew is the way out of another form.
func (s *shape) anew() string { return "build the view anew: parley views rebuild " + s.view }

func (f *field) readInner(value bson.RawValue, into protoreflect.Message) error {
	document, ok := value.DocumentOK()
	if !ok {
		return f.strange(value)
	}
	return f.inner.read(document, into)
}

// readList reads a list of messages: the documents have no other.
func (f *field) readList(value bson.RawValue, list protoreflect.List) error {
	array, ok := value.ArrayOK()
	if !ok || f.inner == nil {
		return f.strange(value)
	}
	values, err := array.Values()
	for i := 0; i < len(values) && err == nil; i++ {
		err = f.readInner(values[i], list.AppendMutable().Message())
	}
	return err
}

func (f *field) read(value bson.RawValue, m protoreflect.Message) error {
	number, isNumber := value.AsInt64OK()
	switch f.schema.Kind() {
	case protoreflect.EnumKind:
		if name, ok := value.StringValueOK(); ok {
			known := f.schema.Enum().Values().ByName(protoreflect.Name(f.prefix + name))
			if known == nil {
				return fmt.Errorf("%q is no value that this binary knows: run a newer one, or %s", name, f.anew)
			}
			number, isNumber = int64(known.Number()), true
		}
		if isNumber {
			m.Set(f.schema, protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)))
			return nil
		}
	case protoreflect.BoolKind:
		if v, ok := value.BooleanOK(); ok {
			m.Set(f.schema, protoreflect.ValueOfBool(v))
			return nil
		}
	case protoreflect.StringKind:
		if v, ok := value.StringValueOK(); ok {
			m.Set(f.schema, protoreflect.ValueOfString(v))
			return nil
		}
	case protoreflect.BytesKind:
		if _, v, ok := value.BinaryOK(); ok {
			m.Set(f.schema, protoreflect.ValueOfBytes(v))
			return nil
		}
	case protoreflect.Uint64Kind:
		if isNumber {
			m.Set(f.schema, protoreflect.ValueOfUint64(uint64(number)))
			return nil
		}
	case protoreflect.Int64Kind:
		if f.date {
			number, isNumber = value.DateTimeOK()
		}
		if isNumber {
			m.Set(f.schema, protoreflect.ValueOfInt64(number))
			return nil
		}
	}
	return f.strange(value)
}

func (f *field) strange(value bson.RawValue) error {
	return fmt.Errorf("a %v cannot be %s: %s", value.Type, f.schema.FullName(), f.anew)
}

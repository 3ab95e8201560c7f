// Package canonical tells whether bytes are exactly those that this binary would encode, without decoding them. Such bytes can
// be passed on as they are; other bytes (a stranger's, a newer schema's) must be decoded first, so that every owner emits the
// same.
package canonical

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Layout is how a message stands in bytes when this binary wrote it: its fields by their numbers, the payload of a oneof last,
// each number and length as short as it can be, and nothing that is zero or empty.
type Layout []field

// field is a field of a Layout.
type field struct {
	tag     uint64 // number and wire type
	most    uint64 // the highest that a number can be; 0 = it is no number and has a length
	inside  Layout // of a message; nil = it is none
	list    bool   // it may stand there again, and be empty
	payload bool   // it is of a oneof: nothing follows it
}

// most is the highest value of each kind of number. Whole numbers with a sign that are below zero take ten bytes; none of
// ours is, so that they are decoded does not matter.
var most = map[protoreflect.Kind]uint64{
	protoreflect.BoolKind: 1, protoreflect.EnumKind: math.MaxInt32, protoreflect.Int32Kind: math.MaxInt32,
	protoreflect.Uint32Kind: math.MaxUint32, protoreflect.Int64Kind: math.MaxUint64, protoreflect.Uint64Kind: math.MaxUint64,
}

// LayoutOf reads the layout of a message from the schema, where no message holds itself. Fields of other kinds than ours (maps, floats,
// lists of numbers, whatever may be there and zero) are left out: a message that has one is reported as not canonical.
func LayoutOf(kind protoreflect.MessageDescriptor) Layout {
	l := Layout{}
	for i := range kind.Fields().Len() {
		of := kind.Fields().Get(i)
		f := field{most: most[of.Kind()], list: of.IsList(), payload: of.ContainingOneof() != nil}
		form := protowire.BytesType
		switch {
		case of.IsMap(), of.Message() == nil && f.payload, f.list && f.most > 0:
			continue
		case of.Message() != nil:
			f.inside = LayoutOf(of.Message())
		case f.most > 0:
			form = protowire.VarintType
		case of.Kind() != protoreflect.StringKind && of.Kind() != protoreflect.BytesKind:
			continue
		}
		f.tag = protowire.EncodeTag(of.Number(), form)
		l = append(l, f)
	}
	slices.SortFunc(l, func(a, b field) int { return cmp.Compare(a.tag, b.tag) })
	return l
}

// Wrote reports whether bytes are what decoding them and encoding the message would give again.
func (l Layout) Wrote(b []byte) bool {
	for at := 0; len(b) > 0; {
		tag, n := shortest(b)
		for at < len(l) && l[at].tag != tag {
			at++
		}
		if at == len(l) {
			return false
		}
		f := &l[at]
		b = b[n:]
		value, n := shortest(b)
		b = b[n:]
		switch {
		case n == 0:
			return false
		case f.most > 0:
			if value == 0 || value > f.most {
				return false
			}
		case value > uint64(len(b)), value == 0 && f.inside == nil && !f.list, f.inside != nil && !f.inside.Wrote(b[:value]):
			return false
		default:
			b = b[value:]
		}
		if f.payload {
			at = len(l)
		} else if !f.list {
			at++
		}
	}
	return true
}

// shortest reads a varint and its length in bytes, which is 0 when it is none or could be shorter.
func shortest(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 { // as most have it
		return uint64(b[0]), 1
	}
	value, n := binary.Uvarint(b)
	if n <= 0 || b[n-1] == 0 {
		return 0, 0
	}
	return value, n
}

// Words that pass unopened: an inbox gives a word a number and never looks into it, and a word is told to each of a
// hundred members. So its bytes are passed on as they stand, when they are exactly those that opening and encoding it would
// give. Other bytes (a stranger's, a newer schema's) are opened, so that every owner says the same.

package processors

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// unopened puts bytes into a message that stay unread: whatever encodes it writes them as they are.
func unopened[M proto.Message](message M, inside []byte) M {
	message.ProtoReflect().SetUnknown(inside)
	return message
}

// layout is how a message stands in bytes when this binary wrote it: its fields by their numbers, the word of a oneof last,
// each number and length as short as it can be, and nothing that is zero or empty.
type layout []field

// field is a field of a layout.
type field struct {
	tag    uint64 // number and wire type
	most   uint64 // the highest that a number can be; 0 = it is no number and has a length
	inside layout // of a message; nil = it is none
	list   bool   // it may stand there again, and be empty
	word   bool   // it is of a oneof: nothing follows it
}

// most is the highest value of each kind of number. Whole numbers with a sign that are below zero take ten bytes; none of
// ours is, so that they are opened does not matter.
var most = map[protoreflect.Kind]uint64{
	protoreflect.BoolKind: 1, protoreflect.EnumKind: math.MaxInt32, protoreflect.Int32Kind: math.MaxInt32,
	protoreflect.Uint32Kind: math.MaxUint32, protoreflect.Int64Kind: math.MaxUint64, protoreflect.Uint64Kind: math.MaxUint64,
}

// layoutOf reads a layout from the schema, where no message holds itself. Fields of other kinds than ours (maps, floats,
// lists of numbers, whatever may be there and zero) are left out: messages that have one are opened.
func layoutOf(kind protoreflect.MessageDescriptor) layout {
	l := layout{}
	for i := range kind.Fields().Len() {
		of := kind.Fields().Get(i)
		f := field{most: most[of.Kind()], list: of.IsList(), word: of.ContainingOneof() != nil}
		form := protowire.BytesType
		switch {
		case of.IsMap(), of.Message() == nil && f.word, f.list && f.most > 0:
			continue
		case of.Message() != nil:
			f.inside = layoutOf(of.Message())
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

// wrote reports whether bytes are what opening them and encoding the message would give again.
func (l layout) wrote(b []byte) bool {
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
		case value > uint64(len(b)), value == 0 && f.inside == nil && !f.list, f.inside != nil && !f.inside.wrote(b[:value]):
			return false
		default:
			b = b[value:]
		}
		if f.word {
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

// inboxWords is the layout of what an inbox reads.
var inboxWords = layoutOf((&pb.InboxCommand{}).ProtoReflect().Descriptor())

// UnmarshalVT leaves the word unopened if it can.
func (c *inboxCommand) UnmarshalVT(value []byte) error {
	if !inboxWords.wrote(value) {
		return c.InboxCommand.UnmarshalVT(value)
	}
	number, _, n := protowire.ConsumeTag(value)
	inside, _ := protowire.ConsumeBytes(value[n:])
	switch number { // as in schemas/parley/v1/inbox.proto
	case 10:
		c.conversation.Conversation = unopened(&c.said, inside)
		c.Word = &c.conversation
	case 11:
		c.Word = &pb.InboxCommand_Account{Account: unopened(&pb.AccountSaid{}, inside)}
	case 12:
		c.Word = &pb.InboxCommand_Receipt{Receipt: unopened(&pb.ReceiptSaid{}, inside)}
	case 13:
		c.Word = &pb.InboxCommand_Refused{Refused: unopened(&pb.CommandRefused{}, inside)}
	default: // ActivateRules, which the hall reads
		return c.InboxCommand.UnmarshalVT(value)
	}
	return nil
}

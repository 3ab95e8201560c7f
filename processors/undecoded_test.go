// Payloads that are passed on undecoded are emitted as if they had been decoded.

package processors

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/processors/inbox"
	"github.com/parley-im/parley/schemas/canonical"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

// layout is the layout of what an inbox reads.
var layout = canonical.LayoutOf((&pb.InboxCommand{}).ProtoReflect().Descriptor())

// bothSay folds a value into an inbox that leaves payloads undecoded and into one that decodes all, and compares.
func bothSay(t interface{ Fatalf(string, ...any) }, value []byte) (out []topology.Output) {
	one, other := bind(house, house.Groups[2]), bind(house, house.Groups[2])
	decoding := inbox.Machine
	decoding.Decode = func(value []byte) (*inbox.Command, error) {
		in := &inbox.Command{}
		return in, in.UnmarshalVT(value)
	}
	other.machine = decoding
	in := &topology.Record{Topic: "inbox.commands", Key: "ann", Value: value}
	row, out := one.fold(1, nil, in)
	row2, out2 := other.fold(1, nil, in)
	if !bytes.Equal(row, row2) || !same(out, out2) {
		t.Fatalf("%x is said as\n%x, and opened as\n%x", value, out, out2)
	}
	return out
}

// leftUnopened reports whether the word of a value is not looked into.
func leftUnopened(t require.TestingT, value []byte) bool {
	c, err := inbox.Open(value)
	require.NoError(t, err)
	word := c.ProtoReflect().WhichOneof(c.ProtoReflect().Descriptor().Oneofs().Get(0))
	return len(c.ProtoReflect().Get(word).Message().GetUnknown()) > 0
}

// What this binary writes is left unopened, whatever it says; and it is said as if it were not.
func TestUnopened(t *testing.T) {
	kind := (&pb.InboxCommand{}).ProtoReflect().Type()
	rapid.Check(t, func(t *rapid.T) {
		word := message(t, kind).(*pb.InboxCommand)
		value := encode(word)
		if !layout.Wrote(value) {
			t.Fatalf("%x is written by this binary", value)
		}
		if word.GetActivateRules() == nil && len(value) > 2 && !leftUnopened(t, value) {
			t.Fatalf("%x is opened", value)
		}
		bothSay(t, value)
	})
}

// Bytes that are altered are left unopened only where opening them gives the same bytes again.
func TestAlteredBytesAreOpened(t *testing.T) {
	kind := (&pb.InboxCommand{}).ProtoReflect().Type()
	rapid.Check(t, func(t *rapid.T) {
		value := encode(message(t, kind).(*pb.InboxCommand))
		for range rapid.IntRange(1, 3).Draw(t, "alterations") {
			at := rapid.IntRange(0, len(value)).Draw(t, "at")
			end := rapid.IntRange(at, min(at+4, len(value))).Draw(t, "end")
			value = slices.Replace(value, at, end, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "bytes")...)
		}
		var word pb.InboxCommand
		if layout.Wrote(value) && (word.UnmarshalVT(value) != nil || !bytes.Equal(encode(&word), value)) {
			t.Fatalf("%x is not what this binary writes", value)
		}
		bothSay(t, value)
	})
}

// The ways in which bytes can be a message and not ours, one by one.
func TestForeignBytesAreOpened(t *testing.T) {
	for name, inside := range map[string][]byte{
		"fields in another order":       {0x12, 2, 8, 1, 0x0a, 1, 'a'},
		"a field twice":                 {0x0a, 1, 'a', 0x0a, 1, 'b'},
		"an empty text":                 {0x0a, 0},
		"a number that is zero":         {0x12, 2, 8, 0},
		"a number longer than it need":  {0x12, 3, 8, 0x81, 0},
		"a length longer than it need":  {0x0a, 0x81, 0, 'a'},
		"a field of a newer schema":     {0x0a, 1, 'a', 0x18, 1},
		"two words":                     {0x12, 4, 0x6a, 0, 0x72, 0},
		"a kind below zero":             {0x12, 13, 0x52, 11, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
		"a kind of more than 32 bits":   {0x12, 8, 0x52, 6, 8, 0x80, 0x80, 0x80, 0x80, 0x10},
		"a truth that is two":           {0x12, 5, 0x9a, 1, 2, 0x10, 2},
		"a number of more than 64 bits": {0x12, 11, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},
		"a text that is cut":            {0x0a, 9, 'a'},
		"nothing after a tag":           {0x0a},
	} {
		t.Run(name, func(t *testing.T) {
			value := append([]byte{0x52, byte(len(inside))}, inside...)
			require.False(t, layout.Wrote(value))
			require.Len(t, bothSay(t, value), 1)
			require.False(t, layout.Wrote(append([]byte{0x5a, 0}, value...)), "a second word")
		})
	}
	value := []byte{0x52, 3, 0x0a, 1, 'a'}
	require.True(t, leftUnopened(t, value))
	require.Equal(t, value, bothSay(t, value)[0].Value[len(bothSay(t, value)[0].Value)-5:], "the event ends with the command")
}

// What is plain at a glance must be plain to the library, whatever fields and rules client.proto will have.

package translate

import (
	"math/rand/v2"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// samples of every kind of field: what the rules are about, and what stands at their edges.
var (
	sampleTexts = []string{"", "ann/bob", "bob/ann", "g-1/main", "ann", "ann/ann", "ann/", "/", "ann/g-1", "ann/bob\n", "-a/bob",
		"ann/bob/carol", strings.Repeat("a", 64) + "/" + strings.Repeat("b", 64), "g-" + strings.Repeat("b", 62) + "/" + strings.Repeat("b", 64),
		strings.Repeat("a", 65) + "/bob", "é", strings.Repeat("é", 8_192), strings.Repeat("é", 8_193), strings.Repeat("x", 16_384), strings.Repeat("x", 16_385)}
	sampleNumbers = []uint64{0, 1, 2, 1 << 31, 1<<64 - 1}
)

// fill sets fields of a message at random, whichever there are, and those of what it holds.
func fill(t *testing.T, random *rand.Rand, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.ContainingOneof() != nil || random.IntN(4) == 0 {
			continue
		}
		switch field.Kind() {
		case protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(sampleTexts[random.IntN(len(sampleTexts))]))
		case protoreflect.Uint64Kind:
			m.Set(field, protoreflect.ValueOfUint64(sampleNumbers[random.IntN(len(sampleNumbers))]))
		case protoreflect.Int64Kind:
			m.Set(field, protoreflect.ValueOfInt64(int64(sampleNumbers[random.IntN(len(sampleNumbers))])))
		case protoreflect.BoolKind:
			m.Set(field, protoreflect.ValueOfBool(true))
		case protoreflect.MessageKind:
			fill(t, random, m.Mutable(field).Message())
		default:
			t.Fatalf("%s is of a kind that this test does not know", field.FullName())
		}
	}
}

func TestPlainFramesKeepTheRules(t *testing.T) {
	random, found := rand.New(rand.NewPCG(1, 2)), map[bool]int{}
	for range 20_000 {
		text, mark := new(pb.SendText), new(pb.SeenMark)
		send := &pb.Send{Word: &pb.Send_Text{Text: text}}
		frame := &pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: send}}
		if random.IntN(4) == 0 {
			frame.Word = &pb.ClientFrame_Seen{Seen: mark}
			fill(t, random, mark.ProtoReflect())
		} else {
			fill(t, random, send.ProtoReflect())
			fill(t, random, text.ProtoReflect())
		}
		fill(t, random, frame.ProtoReflect())
		err := protovalidate.Validate(frame)
		unnamed := send.GetConversation()+mark.GetConversation() == "" // left to the library: the rare words need no name
		require.Equal(t, err == nil && !unnamed, plain(frame), "%v: %.500v", err, frame)
		found[plain(frame)]++
	}
	require.Greater(t, found[true], 500, "hardly a frame was plain")
	require.Greater(t, found[false], 500)
}

// What is read at a glance is what the library reads, whatever was done to the bytes.
func TestPlainBytesAreReadAsTheLibraryReadsThem(t *testing.T) {
	random, atOnce := rand.New(rand.NewPCG(3, 4)), 0
	for range 20_000 {
		text := &pb.SendText{Text: []string{"hello", "hell\xf6", "", "\u00e9"}[random.IntN(4)], ReplyTo: random.Uint64N(3)}
		send := &pb.Send{ClientSeq: random.Uint64N(200), Conversation: "ann/bob", Word: &pb.Send_Text{Text: text}}
		b, err := (&pb.ClientFrame{Id: random.Uint64N(300), Word: &pb.ClientFrame_Send{Send: send}}).MarshalVT()
		require.NoError(t, err)
		switch at := random.IntN(len(b)); random.IntN(5) {
		case 0:
			b[at] = byte(random.Uint32())
		case 1:
			b = append(b[:at:at], b[at+1:]...)
		case 2:
			b = append(b[:at:at], append([]byte{byte(random.Uint32())}, b[at:]...)...)
		case 3:
			b = append(b, b[at:]...)
		}
		want := new(pb.ClientFrame)
		wanted := Protobuf.Read(b, want) == nil
		got, err := Protobuf.Decode(b)
		require.Equal(t, wanted, err == nil, "%x", b)
		require.True(t, !wanted || proto.Equal(want, got), "%x was read as %v, not as %v", b, got, want)
		if _, ok := readPlain(b); ok {
			atOnce++
			require.True(t, wanted)
		}
	}
	require.Greater(t, atOnce, 1_000)
}

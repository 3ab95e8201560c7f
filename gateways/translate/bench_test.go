// What one message costs on its way in: decoding its frame and checking it.

package translate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// benchText has 200 bytes, the size for which the price of a message is stated.
var benchText = strings.Repeat("x", 200)

func benchFrame(number uint64) *pb.ClientFrame {
	return &pb.ClientFrame{Id: number, Word: &pb.ClientFrame_Send{Send: &pb.Send{
		ClientSeq: number, Conversation: "ann/bob", Word: &pb.Send_Text{Text: &pb.SendText{Text: benchText}}}}}
}

// BenchmarkDecode decodes a frame that sends a message.
func BenchmarkDecode(b *testing.B) {
	for name, format := range map[string]Format{"json": JSON, "proto": Protobuf} {
		encoded, err := proto.Marshal(benchFrame(7))
		if format == JSON {
			encoded, err = writeJSON.Marshal(benchFrame(7))
		}
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := format.Decode(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheck validates the frame against the rules of the schema.
func BenchmarkCheck(b *testing.B) {
	frame := benchFrame(7)
	b.ReportAllocs()
	for b.Loop() {
		if refused := Check(frame); refused != nil {
			b.Fatal(refused.Detail)
		}
	}
}

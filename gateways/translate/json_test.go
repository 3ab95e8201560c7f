// What is written by hand must be read as what it was, whatever fields the frames will have; and what the library refuses
// to write is not written.

package translate

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// drawFrame is a tick, messages and receipts, or something that is for the library.
func drawFrame(t *testing.T, random *rand.Rand) *pb.ServerFrame {
	frame := new(pb.ServerFrame)
	fill(t, random, frame.ProtoReflect())
	if random.IntN(4) == 0 {
		accepted := new(pb.Accepted)
		fill(t, random, accepted.ProtoReflect())
		frame.Word = &pb.ServerFrame_Accepted{Accepted: accepted}
		return frame
	}
	events := new(pb.Events)
	for range random.IntN(4) {
		event, message, receipt := new(pb.Event), new(pb.Message), new(pb.Receipt)
		fill(t, random, event.ProtoReflect())
		fill(t, random, message.ProtoReflect())
		fill(t, random, receipt.ProtoReflect())
		switch event.Word = (&pb.Event_Message{Message: message}); random.IntN(8) {
		case 0:
			event.Word = &pb.Event_Left{Left: &pb.EventMember{User: "bob"}}
		case 1, 2:
			event.Word = &pb.Event_Receipt{Receipt: receipt}
		}
		events.Events = append(events.Events, event)
	}
	frame.Word = &pb.ServerFrame_Events{Events: events}
	return frame
}

func TestJSONByHandIsWhatTheLibraryWrites(t *testing.T) {
	random, byHand := rand.New(rand.NewPCG(1, 2)), 0
	for range 1_500 {
		frame := drawFrame(t, random)
		before := []byte("before")
		written, err := JSON.Append(before, frame)
		require.NoError(t, err)
		text, ok := strings.CutPrefix(string(written), "before")
		require.True(t, ok)
		read := new(pb.ServerFrame)
		require.NoError(t, protojson.Unmarshal([]byte(text), read), text)
		require.True(t, proto.Equal(frame, read), "%v was written as %s", frame, text)
		library, err := protojson.Marshal(frame)
		require.NoError(t, err)
		require.Equal(t, squeezed(t, library), squeezed(t, []byte(text)))
		if _, ok := appendJSON(nil, frame); ok {
			byHand++
		}
	}
	require.Greater(t, byHand, 700)
}

// squeezed is the same JSON without spaces, with its fields in order.
func squeezed(t *testing.T, text []byte) string {
	var whole any
	require.NoError(t, json.Unmarshal(text, &whole), "%s", text)
	out, err := json.Marshal(whole)
	require.NoError(t, err)
	return string(out)
}

func TestEveryCharacterComesBack(t *testing.T) {
	message := func(text string) *pb.ServerFrame {
		return &pb.ServerFrame{Word: &pb.ServerFrame_Events{Events: &pb.Events{Events: []*pb.Event{{Word: &pb.Event_Message{Message: &pb.Message{Text: text}}}}}}}
	}
	var all strings.Builder
	for r := range rune(0x3000) {
		all.WriteRune(r)
	}
	for _, text := range []string{all.String(), "\"", "\\", "\\u0041", "a\x00b", "\x7f", "</script>", "👍🏽\u2028"} {
		written, err := JSON.Append(nil, message(text))
		require.NoError(t, err)
		require.True(t, json.Valid(written))
		read := new(pb.ServerFrame)
		require.NoError(t, protojson.Unmarshal(written, read))
		require.Equal(t, text, read.GetEvents().GetEvents()[0].GetMessage().GetText())
	}
	_, err := JSON.Append(nil, message("not \xff UTF-8"))
	require.Error(t, err)
}

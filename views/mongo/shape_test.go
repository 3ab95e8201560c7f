// Documents hold what the messages hold, and people can read them.

package mongo

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

var (
	sealed  = &pb.Sealed{KeyId: "u7741023.1", Nonce: make([]byte, 12), Ciphertext: make([]byte, 200)}
	message = &pb.HistoryMessage{Number: 1051, Seq: 1060, Sender: "u1924578", TimeMs: 1_795_000_000_123, Body: sealed}
	group   = &pb.ConversationDocument{Conversation: "g-1/main", Kind: pb.Kind_KIND_GROUP, Seq: 1060, Number: 1051, Members: []*pb.Member{
		{User: "ann", Role: pb.Role_ROLE_OWNER, SinceSeq: 1}, {User: "bob", Role: pb.Role_ROLE_MEMBER, SinceSeq: 7, SinceNumber: 3}}}
)

func TestDocumentsCanBeRead(t *testing.T) {
	small := proto.CloneOf(message)
	small.Body.Nonce, small.Body.Ciphertext = []byte("nonce"), []byte("sealed")
	for _, c := range []struct {
		document bson.Raw
		want     string
	}{
		{conversationShape.at(1060, group.ProtoReflect()), `{"position":1060,"kind":"GROUP","members":[` +
			`{"user":"ann","role":"OWNER","since_seq":1},{"user":"bob","role":"MEMBER","since_seq":7,"since_number":3}],"seq":1060,"number":1051}`},
		{messageShape.document(small.ProtoReflect()), `{"seq":1060,"sender":"u1924578","time":{"$date":"2026-11-18T11:06:40.123Z"},"body":` +
			`{"key_id":"u7741023.1","nonce":{"$binary":{"base64":"bm9uY2U=","subType":"00"}},"ciphertext":{"$binary":{"base64":"c2VhbGVk","subType":"00"}}}}`},
		{personShape.at(2, (&pb.Person{User: "ann", Exists: true, Version: 2}).ProtoReflect()), `{"position":2,"exists":true,"version":2}`},
	} {
		text, err := bson.MarshalExtJSON(c.document, false, false)
		require.NoError(t, err)
		require.Equal(t, c.want, string(text))
	}
}

// Whatever the schema can hold comes back as it was, numbers beyond int64 and enum values of newer schemas among it.
func TestDocumentsHoldWhatTheMessagesHold(t *testing.T) {
	for _, c := range []struct {
		shape *shape
		kind  proto.Message
	}{{conversationShape, group}, {messageShape, message}, {personShape, &pb.Person{}}} {
		t.Run(string(proto.MessageName(c.kind).Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				written := c.kind.ProtoReflect().New()
				draw(t, written)
				read := c.kind.ProtoReflect().New()
				if err := c.shape.read(c.shape.at(7, written), read); err != nil {
					t.Fatal(err)
				}
				read.Set(c.shape.id, written.Get(c.shape.id))
				if !proto.Equal(written.Interface(), read.Interface()) {
					t.Fatalf("written %v\nread %v", written, read)
				}
			})
		})
	}
}

// A document of another form is an error, not an empty document.
func TestStrangeDocumentsAreRefused(t *testing.T) {
	for _, d := range []bson.D{
		{{Key: "seq", Value: "1"}}, {{Key: "kind", Value: "CHOIR"}}, {{Key: "kind", Value: true}}, {{Key: "members", Value: "ann"}},
		{{Key: "members", Value: bson.A{"ann"}}}, {{Key: "title", Value: []byte("x")}}, {{Key: "value", Value: []byte("protobuf")}},
	} {
		document, err := bson.Marshal(d)
		require.NoError(t, err)
		err = conversationShape.read(document, new(pb.ConversationDocument).ProtoReflect())
		require.ErrorContains(t, err, "parley views rebuild history", "%v", d)
	}
	older, err := bson.Marshal(page{ID: "a/b#000000", Messages: map[string]bson.RawValue{
		"1": {Type: bson.TypeBinary, Value: bsoncore.AppendBinary(nil, bson.TypeBinaryGeneric, []byte("protobuf"))}}})
	require.NoError(t, err)
	var read page
	require.NoError(t, bson.Unmarshal(older, &read), "a page is read as a whole, whatever is in it")
	err = messageShape.readValue(read.Messages["1"], new(pb.HistoryMessage).ProtoReflect())
	require.ErrorContains(t, err, "parley views rebuild history")
	newer, err := bson.Marshal(bson.D{{Key: "seq", Value: 1}, {Key: "colour", Value: "blue"}})
	require.NoError(t, err)
	require.NoError(t, conversationShape.read(newer, new(pb.ConversationDocument).ProtoReflect()), "a field of a newer schema")
}

// draw fills a message.
func draw(t *rapid.T, m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case !rapid.Bool().Draw(t, "there"):
		case f.IsList():
			for range rapid.IntRange(1, 3).Draw(t, "length") {
				draw(t, m.Mutable(f).List().AppendMutable().Message())
			}
		case f.Kind() == protoreflect.MessageKind:
			draw(t, m.Mutable(f).Message())
		default:
			m.Set(f, scalar(t, f.Kind()))
		}
	}
}

func scalar(t *rapid.T, kind protoreflect.Kind) protoreflect.Value {
	switch kind {
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.Int32Range(0, 5).Draw(t, "enum")))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	}
	return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
}

// What a message costs: its fields in a document, beside its protobuf bytes in one field as they were kept before.
func BenchmarkDocument(b *testing.B) {
	for name, document := range map[string]func() any{
		"fields": func() any { return messageShape.document(message.ProtoReflect()) },
		"bytes": func() any {
			value, err := message.MarshalVT()
			require.NoError(b, err)
			return value
		},
	} {
		b.Run("write/"+name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				update, err := bson.Marshal(bson.D{{Key: "$set", Value: bson.D{{Key: "m.1051", Value: document()}}}})
				require.NoError(b, err)
				size = len(update)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
	fields := messageShape.document(message.ProtoReflect())
	bytes, err := message.MarshalVT()
	require.NoError(b, err)
	b.Run("read/fields", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, messageShape.read(fields, new(pb.HistoryMessage).ProtoReflect()))
		}
	})
	b.Run("read/bytes", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, new(pb.HistoryMessage).UnmarshalVT(bytes))
		}
	})
}

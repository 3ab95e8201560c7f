// Logs drawn at random for the properties: words that mostly fit, poison, repeats, clocks astray.

package processors

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
)

// Few names, so that words meet: people, a group, devices and sessions, and some that fit nowhere.
var (
	people = []string{"ann", "bob", "carl", "zoe"}
	chats  = []string{name.Direct("ann", "bob"), name.Direct("ann", "carl"), "g-hike/main"}
	names  = append(append([]string{"phone", "g-hike", ""}, people...), chats...)
)

// keyOf draws a key that mostly fits a group.
func keyOf(t *rapid.T, group string) string {
	if rapid.IntRange(0, 19).Draw(t, "stray key") == 0 {
		return rapid.SampledFrom([]string{"", "~", topology.RulesKey, "ann/bob/carl/dora", "g-hike", "\xff"}).Draw(t, "key")
	}
	switch group {
	case "conversation":
		return rapid.SampledFrom(chats).Draw(t, "key")
	case "bookmark":
		return name.Bookmark(rapid.SampledFrom(people).Draw(t, "user"), rapid.SampledFrom(chats).Draw(t, "chat"))
	}
	return rapid.SampledFrom(people).Draw(t, "key")
}

// message draws any message of a kind: every oneof, list and field may be there or not.
func message(t *rapid.T, kind protoreflect.MessageType) proto.Message {
	m := kind.New()
	fill(t, m, 0)
	return m.Interface()
}

const deepest = 6 // messages within messages

func fill(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range m.Descriptor().Oneofs().Len() {
		word := m.Descriptor().Oneofs().Get(i).Fields()
		set(t, m, word.Get(rapid.IntRange(0, word.Len()-1).Draw(t, "word")), depth)
	}
	for i := range fields.Len() {
		if field := fields.Get(i); field.ContainingOneof() == nil && rapid.IntRange(0, 9).Draw(t, "there") > 0 {
			set(t, m, field, depth)
		}
	}
}

func set(t *rapid.T, m protoreflect.Message, field protoreflect.FieldDescriptor, depth int) {
	switch {
	case field.Message() != nil && depth >= deepest:
	case field.IsList():
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			if field.Message() != nil {
				fill(t, m.Mutable(field).List().AppendMutable().Message(), depth+1)
			} else {
				m.Mutable(field).List().Append(scalar(t, field))
			}
		}
	case field.Message() != nil:
		fill(t, m.Mutable(field).Message(), depth+1)
	default:
		m.Set(field, scalar(t, field))
	}
}

func scalar(t *rapid.T, field protoreflect.FieldDescriptor) protoreflect.Value {
	small := rapid.Uint64Range(0, 3)
	switch field.Kind() {
	case protoreflect.StringKind:
		pool := names
		switch field.Name() {
		case "user", "by", "peer", "members":
			pool = people
		case "device_id":
			pool = []string{"phone", "phone", "tv"}
		}
		return protoreflect.ValueOfString(rapid.SampledFrom(pool).Draw(t, string(field.Name())))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(make([]byte, rapid.IntRange(0, 20).Draw(t, "bytes")))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.IntRange(0, field.Enum().Values().Len()).Draw(t, "enum")))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(small.Draw(t, "number")))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(small.Draw(t, "number"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(begin + 20_000*int64(small.Draw(t, "time")))
	}
	panic(fmt.Sprintf("the schema has a %v: draw one here", field.Kind()))
}

// opening is how every log of a group begins, so that what follows finds accounts, a group and a conversation to speak of.
func opening(group string) (keys []string, words []encodable) {
	tell := func(key string, word encodable) { keys, words = append(keys, key), append(words, word) }
	ann := &pb.Origin{User: "ann", DeviceId: "phone", ClientSeq: 1}
	switch group {
	case "conversation":
		ask := func(key string, r *pb.ConversationRequest) {
			tell(key, &pb.ConversationCommand{Origin: ann, Word: &pb.ConversationCommand_Request{Request: r}})
		}
		may := func(key, user string) {
			tell(key, &pb.ConversationCommand{Word: &pb.ConversationCommand_AnswerJoin{
				AnswerJoin: &pb.AnswerJoin{User: user, Allowed: true}}})
		}
		ask("g-hike/main", &pb.ConversationRequest{Word: &pb.ConversationRequest_CreateGroup{
			CreateGroup: &pb.CreateGroup{Title: &pb.Sealed{}, Members: []string{"bob", "carl"}}}})
		may("g-hike/main", "bob")
		ask(chats[0], &pb.ConversationRequest{Word: &pb.ConversationRequest_OpenDirect{
			OpenDirect: &pb.OpenDirect{Peer: "bob"}}})
		may(chats[0], "bob")
	case "account":
		for _, user := range people {
			tell(user, &pb.AccountCommand{
				Origin: &pb.Origin{User: user, DeviceId: "phone", ClientSeq: 1},
				Word: &pb.AccountCommand_Request{Request: &pb.AccountRequest{
					Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{}}}},
			})
		}
	}
	return keys, words
}

// logOf draws the input log of one partition of a group: an opening, then mostly words that fit, some poison, some repeats
// of what other groups said, clocks that go astray.
func logOf(t *rapid.T, m *bound) []*topology.Record {
	topic, _ := house.Topic(m.group.Input)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(schemaPackage.Append(protoreflect.Name(topic.Envelope)))
	if err != nil {
		t.Fatal(err)
	}
	var log []*topology.Record
	keys, words := opening(m.group.Name)
	for i, word := range words {
		log = append(log, input(m, int64(i), keys[i], word))
	}
	for range rapid.IntRange(1, 60).Draw(t, "records") {
		in := input(m, int64(len(log)), keyOf(t, m.group.Name), nil)
		in.Time = time.UnixMilli(begin + rapid.Int64Range(-1000, 60_000).Draw(t, "at"))
		if rapid.IntRange(0, 19).Draw(t, "poisoned") == 0 {
			in.Value = rapid.SliceOf(rapid.Byte()).Draw(t, "poison")
		} else {
			in.Value = encode(draw(t, m, kind, in.Key))
		}
		if writers := writersOf(m); len(writers) > 1 && rapid.Bool().Draw(t, "caused") {
			caused(in, topology.Cause{
				Epoch: house.Epoch, Group: rapid.SampledFrom(writers).Draw(t, "group"), Partition: 3,
				Offset: max(int64(len(log)+rapid.IntRange(-5, 5).Draw(t, "cause")), 0),
			})
		}
		log = append(log, in)
	}
	return log
}

// draw draws a command and, mostly, puts right who asks.
func draw(t *rapid.T, m *bound, kind protoreflect.MessageType, key string) encodable {
	word := message(t, kind)
	if rapid.IntRange(0, 9).Draw(t, "astray") == 0 {
		return word.(encodable)
	}
	origin := &pb.Origin{User: rapid.SampledFrom(people).Draw(t, "who"), DeviceId: "phone", ClientSeq: 1}
	switch c := word.(type) {
	case *pb.ConversationCommand:
		c.Origin = origin
	case *pb.AccountCommand:
		origin.User, c.Origin = key, origin
	case *pb.OutboxCommand:
		c.ClientSeq = rapid.Uint64Range(1, 8).Draw(t, "client_seq")
	}
	return word.(encodable)
}

// writersOf are the groups that write the input, and rarely one that does not.
func writersOf(m *bound) (numbers []uint16) {
	for _, g := range house.Groups {
		if m.writers[g.Number] {
			numbers = append(numbers, g.Number, g.Number, g.Number, g.Number)
		}
	}
	return append(numbers, 3)
}

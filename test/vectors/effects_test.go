// Package vectors writes what clients in other languages are tested against: examples of events as the gateway sends them,
// each with its effect.
//
//	go test ./test/vectors -update
package vectors

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-im/parley/gateways/translate"
	"github.com/parley-im/parley/schemas/effect"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

var update = flag.Bool("update", false, "write the files anew")

const effectsFile = "../../schemas/effect/testdata/effects.json"

// effects are the vectors of package effect.
type effects struct {
	About    string        `json:"about"`
	Events   []eventVector `json:"events"`   // of a conversation whose members before each event are ann (owner), bob and dan
	Refusals []refusal     `json:"refusals"` // by reason
	Lines    []line        `json:"lines"`    // of a list of conversations
}

// eventVector is an event of a conversation with its effect.
type eventVector struct {
	Kind      string          `json:"kind"`
	Event     json.RawMessage `json:"event"` // as ann's phone receives it
	Joins     []string        `json:"joins"`
	Leaves    string          `json:"leaves"`
	Invites   string          `json:"invites"`
	Settles   string          `json:"settles"`
	Roles     []role          `json:"roles"`
	Concerned []string        `json:"concerned"`
	Members   []string        `json:"members"`  // after it
	Audience  []string        `json:"audience"` // who is told of it
	Unread    bool            `json:"unread"`   // it counts as unread for members who did not send it
	Reads     uint64          `json:"reads"`    // the read mark that it raises for its sender; 0 = none
}

type role struct {
	User string `json:"user"`
	Role string `json:"role"`
}

type refusal struct {
	Reason      string `json:"reason"`
	TakesNumber bool   `json:"takes_number"`
}

type line struct {
	Membership  string `json:"membership"`
	Number      uint64 `json:"number"`
	Read        uint64 `json:"read"`
	SinceNumber uint64 `json:"since_number"`
	Unread      uint64 `json:"unread"`
}

// examples is an event of every kind that is emitted. The payload alone differs.
func examples() []*pb.ConversationEvent {
	member := func(user string, role pb.Role) *pb.Member {
		return &pb.Member{User: user, Role: role, SinceSeq: 7, SinceNumber: 4}
	}
	events := []*pb.ConversationEvent{
		{Word: &pb.ConversationEvent_ConversationCreated{ConversationCreated: &pb.ConversationCreated{
			Kind: pb.Kind_KIND_GROUP, Members: []*pb.Member{member("ann", pb.Role_ROLE_OWNER)}}}},
		{Word: &pb.ConversationEvent_MemberInvited{MemberInvited: &pb.MemberInvited{User: "cid"}}},
		{Word: &pb.ConversationEvent_InvitationDeclined{InvitationDeclined: &pb.InvitationDeclined{User: "cid"}}},
		{Word: &pb.ConversationEvent_MemberJoined{MemberJoined: &pb.MemberJoined{Member: member("cid", pb.Role_ROLE_MEMBER)}}},
		{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: &pb.MemberLeft{User: "dan"}}},
		{Word: &pb.ConversationEvent_MemberLeft{MemberLeft: &pb.MemberLeft{User: "ann", NewOwner: "bob"}}},
		{Word: &pb.ConversationEvent_MemberRemoved{MemberRemoved: &pb.MemberRemoved{User: "dan"}}},
		{Word: &pb.ConversationEvent_ConversationRenamed{ConversationRenamed: &pb.ConversationRenamed{}}},
		{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: &pb.RoleChanged{User: "dan", Role: pb.Role_ROLE_ADMIN}}},
		{Word: &pb.ConversationEvent_RoleChanged{RoleChanged: &pb.RoleChanged{User: "dan", Role: pb.Role_ROLE_OWNER, FormerOwner: "ann"}}},
		{Word: &pb.ConversationEvent_MessageSent{MessageSent: &pb.MessageSent{}}},
	}
	for _, e := range events {
		e.Seq, e.Number, e.TimeMs, e.Origin = 7, 4, 1_700_000_000_000, &pb.Origin{User: "bob", DeviceId: "laptop", ClientSeq: 3}
		if e.GetMessageSent() != nil {
			e.Number = 5
		}
	}
	return events
}

func vectorOf(t *testing.T, e *pb.ConversationEvent) eventVector {
	of := e.ProtoReflect()
	payload := of.WhichOneof(of.Descriptor().Oneofs().ByName("word"))
	sent := translate.Event(&pb.InboxEvent{InboxSeq: 9, Epoch: 1, TimeMs: e.TimeMs, Word: &pb.InboxEvent_Conversation{
		Conversation: &pb.ConversationSaid{Conversation: "g-hike/main", Event: e}}}, "ann", "phone", nil)
	known := effect.Of(e)
	before := func() []string { return []string{"ann", "bob", "dan"} }
	v := eventVector{
		Kind: string(payload.Name()), Event: asJSON(t, sent), Joins: []string{}, Leaves: known.Leaves, Invites: known.Invites, Settles: known.Settles,
		Roles: []role{}, Concerned: known.AppendConcerned([]string{}), Members: known.Members(before()), Audience: known.Audience(before()),
		Unread: known.Message, Reads: effect.Reads(e.Origin.User, e),
	}
	for _, m := range known.Joins {
		v.Joins = append(v.Joins, m.User)
	}
	for _, r := range known.Roles {
		v.Roles = append(v.Roles, role{r.User, r.Role.String()})
	}
	return v
}

// asJSON is a message as the gateway writes it. The library adds spaces at random.
func asJSON(t *testing.T, m proto.Message) json.RawMessage {
	b, err := protojson.Marshal(m)
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, b))
	return compact.Bytes()
}

func lines() []line {
	var all []line
	for _, s := range []*pb.ConversationSummary{
		{Membership: pb.Membership_MEMBERSHIP_MEMBER, Number: 9},
		{Membership: pb.Membership_MEMBERSHIP_MEMBER, Number: 9, Marks: &pb.Marks{Read: 4}},
		{Membership: pb.Membership_MEMBERSHIP_MEMBER, Number: 9, Marks: &pb.Marks{Read: 4}, SinceNumber: 7},
		{Membership: pb.Membership_MEMBERSHIP_MEMBER, Number: 9, Marks: &pb.Marks{Read: 12}},
		{Membership: pb.Membership_MEMBERSHIP_INVITED, Number: 9},
		{Membership: pb.Membership_MEMBERSHIP_GONE, Number: 9},
	} {
		all = append(all, line{s.Membership.String(), s.Number, s.GetMarks().GetRead(), s.SinceNumber, effect.Unread(s)})
	}
	return all
}

// TestEffects compares the file with what the code gives, so that a client that passes with the file agrees with the code.
func TestEffects(t *testing.T) {
	v := effects{About: "Made by go test ./test/vectors -update. Members before each event: ann (owner), bob, dan. Sender: bob.", Lines: lines()}
	kinds := map[string]bool{"block_changed": true} // no rules emit it
	for _, e := range examples() {
		one := vectorOf(t, e)
		kinds[one.Kind] = true
		v.Events = append(v.Events, one)
	}
	payloads := (&pb.ConversationEvent{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range payloads.Len() {
		require.True(t, kinds[string(payloads.Get(i).Name())], "give %s an example", payloads.Get(i).Name())
	}
	for number := range len(pb.Reason_name) {
		if reason := pb.Reason(number); reason != pb.Reason_REASON_UNSPECIFIED {
			v.Refusals = append(v.Refusals, refusal{reason.String(), effect.TakesNumber(reason)})
		}
	}
	want, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	want = append(want, '\n')
	if *update {
		require.NoError(t, os.MkdirAll("../../schemas/effect/testdata", 0o750))
		require.NoError(t, os.WriteFile(effectsFile, want, 0o600))
	}
	got, err := os.ReadFile(effectsFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go test ./test/vectors -update")
}

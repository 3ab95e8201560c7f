// Package viewtest is what the tests of the views share: a log written by hand, views that fold it, and the text of
// everything that they keep.
package viewtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
)

// Epoch is that of every inbox.
const Epoch = 1

// Log is records by topic and partition.
type Log map[string]map[int32][]topology.Record

// Scenario writes events into topics, numbered as the groups number them.
type Scenario struct {
	Plan    topology.Plan
	Log     Log
	Records []topology.Record // of all topics, in the order of writing
	Inboxes map[string]uint64 // number of the newest event, by user

	t             testing.TB
	conversations map[string]*conversationState
	versions      map[string]uint64 // of accounts and bookmarks, by key
}

// conversationState is a conversation as the scenario knows it.
type conversationState struct {
	kind    pb.Kind
	title   *pb.Sealed
	members []*pb.Member
	seq     uint64
	number  uint64
}

// Plan is the plan with four partitions.
func Plan() topology.Plan {
	plan := topology.House()
	plan.Partitions, plan.Replication, plan.MinInsync = 4, 1, 1
	return plan
}

// New is a scenario in which nothing has happened.
func New(t testing.TB) *Scenario {
	return &Scenario{
		Plan: Plan(), Log: Log{}, Inboxes: map[string]uint64{},
		t: t, conversations: map[string]*conversationState{}, versions: map[string]uint64{},
	}
}

// Sealed is an encrypted body, as far as the views can tell.
func Sealed(text string) *pb.Sealed {
	return &pb.Sealed{KeyId: "k", Nonce: []byte("123456789012"), Ciphertext: []byte("sealed:" + text)}
}

func (s *Scenario) produce(topic, key string, event interface{ MarshalVT() ([]byte, error) }) {
	value, err := event.MarshalVT()
	require.NoError(s.t, err)
	partition := topology.PartitionOf(key, s.Plan.Partitions)
	if s.Log[topic] == nil {
		s.Log[topic] = map[int32][]topology.Record{}
	}
	record := topology.Record{
		Topic: topic, Partition: partition, Offset: int64(len(s.Log[topic][partition])), Key: key, Value: value,
	}
	s.Log[topic][partition] = append(s.Log[topic][partition], record)
	s.Records = append(s.Records, record)
}

func (s *Scenario) now() int64 { return int64(1_700_000_000_000 + len(s.Records)) }

// emit emits an event of a conversation, and delivers it to its members and to those named besides.
func (s *Scenario) emit(conversation, by string, event *pb.ConversationEvent, besides ...string) {
	c := s.conversations[conversation]
	c.seq++
	if event.GetMessageSent() != nil {
		c.number++
	}
	event.Seq, event.Number, event.TimeMs = c.seq, c.number, s.now()
	event.Origin = &pb.Origin{User: by, DeviceId: "phone", ClientSeq: c.seq}
	s.produce("conversation.events", conversation, event)
	delivered := map[string]bool{}
	for _, user := range append(s.Members(conversation), besides...) {
		if !delivered[user] {
			delivered[user] = true
			s.Deliver(user, &pb.InboxEvent{Word: &pb.InboxEvent_Conversation{
				Conversation: &pb.ConversationSaid{Conversation: conversation, Event: event}}})
		}
	}
}

// Deliver puts an event into an inbox.
func (s *Scenario) Deliver(user string, event *pb.InboxEvent) {
	s.Inboxes[user]++
	event.InboxSeq, event.Epoch, event.TimeMs = s.Inboxes[user], Epoch, s.now()
	s.produce("inbox.events", user, event)
}

// Members are the users in a conversation.
func (s *Scenario) Members(conversation string) []string {
	var users []string
	for _, member := range s.conversations[conversation].members {
		users = append(users, member.User)
	}
	return users
}

// Account creates an account.
func (s *Scenario) Account(user string) {
	s.versions[user]++
	s.produce("account.events", user, &pb.AccountEvent{Version: s.versions[user], TimeMs: s.now(),
		Word: &pb.AccountEvent_AccountCreated{AccountCreated: &pb.AccountCreated{DisplayName: Sealed("I am " + user)}}})
}

// Present renews a presence.
func (s *Scenario) Present(user string, until int64) {
	s.versions[user]++
	s.produce("account.events", user, &pb.AccountEvent{Version: s.versions[user], TimeMs: s.now(),
		Word: &pb.AccountEvent_PresenceChanged{PresenceChanged: &pb.PresenceChanged{UntilMs: until, LastSeenMs: s.now()}}})
}

// Direct begins a direct conversation.
func (s *Scenario) Direct(a, b string) string {
	conversation := name.Direct(a, b)
	members := []*pb.Member{{User: min(a, b), Role: pb.Role_ROLE_MEMBER, SinceSeq: 1}, {User: max(a, b), Role: pb.Role_ROLE_MEMBER, SinceSeq: 1}}
	s.conversations[conversation] = &conversationState{kind: pb.Kind_KIND_DIRECT, members: members}
	s.emit(conversation, a, &pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{Kind: pb.Kind_KIND_DIRECT, Members: members}}})
	return conversation
}

// Group creates a group.
func (s *Scenario) Group(id, owner string) string {
	conversation := name.Group(id)
	members := []*pb.Member{{User: owner, Role: pb.Role_ROLE_OWNER, SinceSeq: 1}}
	s.conversations[conversation] = &conversationState{kind: pb.Kind_KIND_GROUP, title: Sealed("group " + id), members: members}
	s.emit(conversation, owner, &pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{Kind: pb.Kind_KIND_GROUP, Title: Sealed("group " + id), Members: members}}})
	return conversation
}

// Join adds a member.
func (s *Scenario) Join(conversation, user, by string) {
	c := s.conversations[conversation]
	member := &pb.Member{User: user, Role: pb.Role_ROLE_MEMBER, SinceSeq: c.seq + 1, SinceNumber: c.number}
	c.members = append(c.members, member)
	s.emit(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: member, Title: c.title}}})
}

// Remove removes a member.
func (s *Scenario) Remove(conversation, user, by string) {
	c := s.conversations[conversation]
	for i, member := range c.members {
		if member.User == user {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	s.emit(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{
		MemberRemoved: &pb.MemberRemoved{User: user}}}, user)
}

// Invite invites a person.
func (s *Scenario) Invite(conversation, user, by string) {
	s.emit(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberInvited{
		MemberInvited: &pb.MemberInvited{User: user, Title: s.conversations[conversation].title}}}, user)
}

// Message sends a message.
func (s *Scenario) Message(conversation, by, text string) {
	s.emit(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MessageSent{
		MessageSent: &pb.MessageSent{Body: Sealed(text)}}})
}

// Messages sends several messages.
func (s *Scenario) Messages(conversation, by string, count int) {
	for i := range count {
		s.Message(conversation, by, fmt.Sprintf("%s %d", by, i))
	}
}

// Seen raises a person's marks, and delivers the receipt to the members, the person among them.
func (s *Scenario) Seen(conversation, user string, number uint64) {
	key := name.Bookmark(user, conversation)
	s.versions[key]++
	marks := &pb.Marks{Delivered: number, Read: number}
	s.produce("bookmark.events", key, &pb.BookmarkEvent{Version: s.versions[key], TimeMs: s.now(),
		Word: &pb.BookmarkEvent_MarksRaised{MarksRaised: &pb.MarksRaised{Marks: marks}}})
	for _, member := range s.Members(conversation) {
		s.Deliver(member, &pb.InboxEvent{Word: &pb.InboxEvent_Receipt{
			Receipt: &pb.ReceiptSaid{Conversation: conversation, User: user, Marks: marks}}})
	}
}

// GroupOne is the group of Everyday.
var GroupOne = name.Group("one")

// Everyday is a scenario with every kind of event in it.
func Everyday(t testing.TB) *Scenario {
	s := New(t)
	for i, user := range []string{"ann", "bob", "cid", "dan"} {
		s.Account(user)
		s.Present(user, int64(1_800_000_000_000+i))
	}
	direct := s.Direct("ann", "bob")
	s.Messages(direct, "ann", 3)
	s.Message(direct, "bob", "well, well")
	s.Seen(direct, "bob", 2)
	group := s.Group("one", "ann")
	s.Join(group, "bob", "ann")
	s.Messages(group, "ann", 60)
	s.Join(group, "cid", "ann")
	s.Messages(group, "bob", 30)
	s.Seen(group, "cid", 70)
	s.Remove(group, "bob", "ann")
	s.Messages(group, "ann", 10)
	s.Invite(group, "dan", "ann")
	s.Deliver("dan", &pb.InboxEvent{Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Reason: pb.Reason_REASON_NOT_A_MEMBER}}})
	s.Present("ann", 0)
	return s
}

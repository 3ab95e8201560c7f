// A tale is a stretch of the log told by hand, as the groups would say it, for the views to fold.

package views

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/topology"
)

const taleEpoch = 1 // of every inbox

// tale writes events into topics, numbered as the groups number them.
type tale struct {
	t          testing.TB
	plan       topology.Plan
	log        map[string]map[int32][]topology.Record // topic -> partition -> records
	inboxes    map[string]uint64
	talks      map[string]*talk
	versions   map[string]uint64 // of accounts and bookmarks, by key
	everything []topology.Record // in the order of telling
}

// talk is a conversation as the tale knows it.
type talk struct {
	kind    pb.Kind
	title   *pb.Sealed
	members []*pb.Member
	seq     uint64
	number  uint64
}

func newTale(t testing.TB) *tale {
	plan := topology.House()
	plan.Partitions, plan.Replication, plan.MinInsync = 4, 1, 1
	return &tale{
		t: t, plan: plan, log: map[string]map[int32][]topology.Record{}, inboxes: map[string]uint64{},
		talks: map[string]*talk{}, versions: map[string]uint64{},
	}
}

func sealed(text string) *pb.Sealed {
	return &pb.Sealed{KeyId: "k", Nonce: []byte("123456789012"), Ciphertext: []byte("sealed:" + text)}
}

func (s *tale) produce(topic, key string, event interface{ MarshalVT() ([]byte, error) }) {
	value, err := event.MarshalVT()
	require.NoError(s.t, err)
	partition := topology.PartitionOf(key, s.plan.Partitions)
	if s.log[topic] == nil {
		s.log[topic] = map[int32][]topology.Record{}
	}
	record := topology.Record{
		Topic: topic, Partition: partition, Offset: int64(len(s.log[topic][partition])), Key: key, Value: value,
	}
	s.log[topic][partition] = append(s.log[topic][partition], record)
	s.everything = append(s.everything, record)
}

func (s *tale) now() int64 { return int64(1_700_000_000_000 + len(s.everything)) }

// say makes a conversation say something, to all who are members before or after it, and to those named besides.
func (s *tale) say(conversation, by string, event *pb.ConversationEvent, besides ...string) {
	c := s.talks[conversation]
	c.seq++
	if event.GetMessageSent() != nil {
		c.number++
	}
	event.Seq, event.Number, event.TimeMs = c.seq, c.number, s.now()
	event.Origin = &pb.Origin{User: by, DeviceId: "phone", ClientSeq: c.seq}
	s.produce("conversation.events", conversation, event)
	heard := map[string]bool{}
	for _, user := range append(s.members(conversation), besides...) {
		if !heard[user] {
			heard[user] = true
			s.tell(user, &pb.InboxEvent{Word: &pb.InboxEvent_Conversation{
				Conversation: &pb.ConversationSaid{Conversation: conversation, Event: event}}})
		}
	}
}

func (s *tale) tell(user string, event *pb.InboxEvent) {
	s.inboxes[user]++
	event.InboxSeq, event.Epoch, event.TimeMs = s.inboxes[user], taleEpoch, s.now()
	s.produce("inbox.events", user, event)
}

func (s *tale) members(conversation string) []string {
	var users []string
	for _, member := range s.talks[conversation].members {
		users = append(users, member.User)
	}
	return users
}

func (s *tale) account(user string) {
	s.versions[user]++
	s.produce("account.events", user, &pb.AccountEvent{Version: s.versions[user], TimeMs: s.now(),
		Word: &pb.AccountEvent_AccountCreated{AccountCreated: &pb.AccountCreated{DisplayName: sealed("I am " + user)}}})
}

func (s *tale) present(user string, until int64) {
	s.versions[user]++
	s.produce("account.events", user, &pb.AccountEvent{Version: s.versions[user], TimeMs: s.now(),
		Word: &pb.AccountEvent_PresenceChanged{PresenceChanged: &pb.PresenceChanged{UntilMs: until, LastSeenMs: s.now()}}})
}

func (s *tale) direct(a, b string) string {
	conversation := name.Direct(a, b)
	members := []*pb.Member{{User: min(a, b), Role: pb.Role_ROLE_MEMBER, SinceSeq: 1}, {User: max(a, b), Role: pb.Role_ROLE_MEMBER, SinceSeq: 1}}
	s.talks[conversation] = &talk{kind: pb.Kind_KIND_DIRECT, members: members}
	s.say(conversation, a, &pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{Kind: pb.Kind_KIND_DIRECT, Members: members}}})
	return conversation
}

func (s *tale) group(id, owner string) string {
	conversation := name.Group(id)
	members := []*pb.Member{{User: owner, Role: pb.Role_ROLE_OWNER, SinceSeq: 1}}
	s.talks[conversation] = &talk{kind: pb.Kind_KIND_GROUP, title: sealed("group " + id), members: members}
	s.say(conversation, owner, &pb.ConversationEvent{Word: &pb.ConversationEvent_ConversationCreated{
		ConversationCreated: &pb.ConversationCreated{Kind: pb.Kind_KIND_GROUP, Title: sealed("group " + id), Members: members}}})
	return conversation
}

func (s *tale) join(conversation, user, by string) {
	c := s.talks[conversation]
	member := &pb.Member{User: user, Role: pb.Role_ROLE_MEMBER, SinceSeq: c.seq + 1, SinceNumber: c.number}
	c.members = append(c.members, member)
	s.say(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberJoined{
		MemberJoined: &pb.MemberJoined{Member: member, Title: c.title}}})
}

func (s *tale) remove(conversation, user, by string) {
	c := s.talks[conversation]
	for i, member := range c.members {
		if member.User == user {
			c.members = append(c.members[:i:i], c.members[i+1:]...)
			break
		}
	}
	s.say(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberRemoved{
		MemberRemoved: &pb.MemberRemoved{User: user}}}, user)
}

func (s *tale) invite(conversation, user, by string) {
	s.say(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MemberInvited{
		MemberInvited: &pb.MemberInvited{User: user, Title: s.talks[conversation].title}}}, user)
}

func (s *tale) message(conversation, by, text string) {
	s.say(conversation, by, &pb.ConversationEvent{Word: &pb.ConversationEvent_MessageSent{
		MessageSent: &pb.MessageSent{Body: sealed(text)}}})
}

func (s *tale) messages(conversation, by string, count int) {
	for i := range count {
		s.message(conversation, by, fmt.Sprintf("%s %d", by, i))
	}
}

// seen raises a person's marks; the others hear of it, and so do the person's own other devices.
func (s *tale) seen(conversation, user string, number uint64) {
	key := name.Bookmark(user, conversation)
	s.versions[key]++
	marks := &pb.Marks{Delivered: number, Read: number}
	s.produce("bookmark.events", key, &pb.BookmarkEvent{Version: s.versions[key], TimeMs: s.now(),
		Word: &pb.BookmarkEvent_MarksRaised{MarksRaised: &pb.MarksRaised{Marks: marks}}})
	for _, member := range s.members(conversation) {
		s.tell(member, &pb.InboxEvent{Word: &pb.InboxEvent_Receipt{
			Receipt: &pb.ReceiptSaid{Conversation: conversation, User: user, Marks: marks}}})
	}
}

// everyday is a tale with every kind of thing in it.
func everyday(t testing.TB) *tale {
	s := newTale(t)
	for i, user := range []string{"ann", "bob", "cid", "dan"} {
		s.account(user)
		s.present(user, int64(1_800_000_000_000+i))
	}
	direct := s.direct("ann", "bob")
	s.messages(direct, "ann", 3)
	s.message(direct, "bob", "well, well")
	s.seen(direct, "bob", 2)
	group := s.group("one", "ann")
	s.join(group, "bob", "ann")
	s.messages(group, "ann", 60)
	s.join(group, "cid", "ann")
	s.messages(group, "bob", 30)
	s.seen(group, "cid", 70)
	s.remove(group, "bob", "ann")
	s.messages(group, "ann", 10)
	s.invite(group, "dan", "ann")
	s.tell("dan", &pb.InboxEvent{Word: &pb.InboxEvent_Refused{Refused: &pb.CommandRefused{Reason: pb.Reason_REASON_NOT_A_MEMBER}}})
	s.present("ann", 0)
	return s
}

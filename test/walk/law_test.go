// The laws of the house, held against what random people do in random order: dense numbers, one outcome for each
// command, nobody misses or overhears anything, one owner, and repeats that change nothing.

package walk_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

var (
	everybody = []string{"ann", "bob", "carl", "dora", "zoe"} // Zoe has no account
	groups    = []string{"hike", "trip"}
)

// small is the house with few partitions, so that people share them and runs are quick.
func small() topology.Plan {
	plan := topology.House()
	plan.Partitions, plan.FanOut = 4, 4
	return plan
}

// crowd is a house with people who do what rapid draws.
type crowd struct {
	*walk.House
	devices []*walk.Device
	inputs  []topology.Record
}

func newCrowd() *crowd {
	c := &crowd{House: walk.New(small())}
	for _, user := range everybody {
		c.devices = append(c.devices, c.Device(user, "phone"), c.Device(user, "tv"))
		if user != "zoe" {
			c.inputs = append(c.inputs, c.devices[len(c.devices)-2].CreateAccount())
		}
	}
	return c
}

// act lets somebody do something.
func (c *crowd) act(t *rapid.T) {
	d := rapid.SampledFrom(c.devices).Draw(t, "device")
	other := rapid.SampledFrom(everybody).Draw(t, "other")
	where := name.Group(rapid.SampledFrom(groups).Draw(t, "group"))
	if rapid.IntRange(0, 3).Draw(t, "direct") == 0 {
		where = name.Direct(d.User, other)
	}
	r := &pb.ConversationRequest{}
	switch rapid.SampledFrom([]string{
		"create", "open", "say", "say", "say", "add", "add", "invite", "accept", "decline", "remove", "leave", "rename", "role",
		"block", "unblock", "seen", "repeat", "skip", "standing",
	}).Draw(t, "verb") {
	case "create":
		r.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{Title: walk.Seal(d.User, "t"), Members: []string{other}}}
	case "open":
		where = name.Direct(d.User, other)
		r.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: other}}
	case "say":
		r.Word = &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: walk.Seal(d.User, "x"), ReplyTo: rapid.Uint64Range(0, 2).Draw(t, "reply")}}
	case "add":
		r.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: other}}
	case "invite":
		r.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: other}}
	case "accept":
		r.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case "decline":
		r.Word = &pb.ConversationRequest_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}
	case "remove":
		r.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: other}}
	case "leave":
		r.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case "rename":
		r.Word = &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: walk.Seal(d.User, "u")}}
	case "role":
		r.Word = &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{User: other, Role: pb.Role(rapid.IntRange(1, 3).Draw(t, "role"))}}
	case "block":
		c.inputs = append(c.inputs, d.AskAccount(&pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: other}}}))
		return
	case "unblock":
		c.inputs = append(c.inputs, d.AskAccount(&pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: other}}}))
		return
	case "seen":
		d.Seen(where, rapid.Uint64Range(0, 5).Draw(t, "delivered"), rapid.Uint64Range(0, 5).Draw(t, "read"))
		return
	case "repeat": // a client that did not hear the answer
		c.Repeat(rapid.SampledFrom(c.inputs).Draw(t, "again"))
		return
	case "skip": // a client whose earlier command was lost; it will come back to the expected number
		d.Seq += 2
		d.SendText(where, "too early")
		d.Seq -= 3
		return
	case "standing":
		c.Send("account.commands", other, &pb.AccountCommand{Word: &pb.AccountCommand_SetStanding{
			SetStanding: &pb.SetAccountStanding{Standing: pb.Standing(rapid.IntRange(1, 2).Draw(t, "standing"))},
		}})
		return
	}
	c.inputs = append(c.inputs, d.Ask(where, r))
}

// live lets them act, with the machines running now and then, each as far as it is drawn.
func (c *crowd) live(t *rapid.T) {
	hike := c.devices[0].CreateGroup("hike", "Hike", "bob", "carl")
	c.devices[0].OpenDirect("bob")
	c.Run()
	c.devices[0].Ask(hike, &pb.ConversationRequest{Word: &pb.ConversationRequest_ChangeRole{
		ChangeRole: &pb.ChangeRole{User: "bob", Role: pb.Role_ROLE_ADMIN},
	}})
	for range rapid.IntRange(1, 120).Draw(t, "acts") {
		c.act(t)
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			group := rapid.SampledFrom(small().Groups).Draw(t, "group").Name
			c.Step(group, rapid.Int32Range(0, small().Partitions-1).Draw(t, "partition"))
		}
	}
	c.Run()
}

// decode decodes the records of a topic.
func decode[M any, P interface {
	*M
	UnmarshalVT([]byte) error
}](t *rapid.T, h *walk.House, topic string) (keys []string, messages []P) {
	for _, r := range h.Records(topic) {
		m := P(new(M))
		if err := m.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		keys, messages = append(keys, r.Key), append(messages, m)
	}
	return keys, messages
}

func TestLawsOfTheHouse(t *testing.T) {
	said := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowd()
		c.live(t)
		dense(t, c.House)
		outcomes(t, c)
		audiences(t, c.House, said)
		if n := len(c.Records(topology.DeadLetters)); n > 0 { // marks of a conversation with oneself
			_, letters := decode[pb.DeadLetter](t, c.House, topology.DeadLetters)
			for _, l := range letters {
				if l.Group != "bookmark" {
					t.Fatalf("a dead letter: %v", l)
				}
			}
		}
	})
	t.Logf("events said: %v", said)
	for _, word := range []string{"conversation_created", "member_joined", "member_left", "message_sent", "role_changed"} {
		if said[word] == 0 {
			t.Errorf("nobody ever said %s: these people prove nothing", word)
		}
	}
}

// dense: every number is the one before plus one.
func dense(t *rapid.T, h *walk.House) {
	next := map[string]uint64{}
	follow := func(what, key string, got uint64) {
		next[what+key]++
		if got != next[what+key] {
			t.Fatalf("%s of %s is %d, want %d", what, key, got, next[what+key])
		}
	}
	keys, events := decode[pb.ConversationEvent](t, h, "conversation.events")
	times := map[string]int64{}
	for i, e := range events {
		follow("seq", keys[i], e.Seq)
		if e.GetMessageSent() != nil {
			follow("number", keys[i], e.Number)
		} else if e.Number != next["number"+keys[i]] {
			t.Fatalf("an event of %s has number %d, want %d", keys[i], e.Number, next["number"+keys[i]])
		}
		if e.TimeMs < times[keys[i]] {
			t.Fatalf("time falls in %s", keys[i])
		}
		times[keys[i]] = e.TimeMs
	}
	users, told := decode[pb.InboxEvent](t, h, "inbox.events")
	for i, e := range told {
		follow("inbox_seq", users[i], e.InboxSeq)
	}
	users, accounts := decode[pb.AccountEvent](t, h, "account.events")
	for i, e := range accounts {
		follow("version of account", users[i], e.Version)
	}
	keys, marks := decode[pb.BookmarkEvent](t, h, "bookmark.events")
	for i, e := range marks {
		follow("version of bookmark", keys[i], e.Version)
	}
}

// outcomes: each number that an outbox has consumed has exactly one outcome in the asker's inbox, and no other has one.
func outcomes(t *rapid.T, c *crowd) {
	count := map[string]int{}
	users, told := decode[pb.InboxEvent](t, c.House, "inbox.events")
	for i, e := range told {
		origin := e.GetConversation().GetEvent().GetOrigin()
		if account := e.GetAccount().GetEvent().GetOrigin(); account != nil {
			origin = account
		}
		if refused := e.GetRefused(); refused != nil {
			origin = refused.Origin
			if refused.Origin.User != users[i] {
				t.Fatalf("%s hears that a command of %s was refused", users[i], refused.Origin.User)
			}
			if refused.Reason == pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ {
				continue
			}
		}
		if origin.GetUser() == users[i] && origin.GetClientSeq() > 0 {
			count[fmt.Sprintf("%s/%s#%d", origin.User, origin.DeviceId, origin.ClientSeq)]++
		}
	}
	for _, user := range everybody {
		for _, d := range c.Row("outbox", user).GetOutbox().GetDevices() {
			for seq := uint64(1); seq <= d.ClientSeq; seq++ {
				id := fmt.Sprintf("%s/%s#%d", user, d.DeviceId, seq)
				if count[id] != 1 {
					t.Fatalf("%s has %d outcomes", id, count[id])
				}
				delete(count, id)
			}
		}
	}
	if len(count) > 0 {
		t.Fatalf("outcomes of commands that were not taken: %v", count)
	}
}

// audiences: each event reaches the members after it and the people it is about, each once, and nobody else; and at every
// seq a group with members has one owner.
func audiences(t *rapid.T, h *walk.House, said map[string]int) {
	want := map[string]int{}
	members := map[string]map[string]pb.Role{}
	keys, events := decode[pb.ConversationEvent](t, h, "conversation.events")
	for i, e := range events {
		key := keys[i]
		if members[key] == nil {
			members[key] = map[string]pb.Role{}
		}
		about := change(members[key], e)
		said[string(e.ProtoReflect().WhichOneof(e.ProtoReflect().Descriptor().Oneofs().ByName("word")).Name())]++
		owners := 0
		for user, role := range members[key] {
			if role == pb.Role_ROLE_OWNER {
				owners++
			}
			if !slices.Contains(about, user) {
				about = append(about, user)
			}
		}
		if name.IsGroup(key) && len(members[key]) > 0 && owners != 1 || owners > 1 || len(members[key]) > small().FanOut {
			t.Fatalf("%s has %d owners among %v at seq %d", key, owners, members[key], e.Seq)
		}
		for _, user := range about {
			want[fmt.Sprintf("%s hears %s#%d", user, key, e.Seq)]++
		}
	}
	users, told := decode[pb.InboxEvent](t, h, "inbox.events")
	for i, e := range told {
		if c := e.GetConversation(); c != nil {
			want[fmt.Sprintf("%s hears %s#%d", users[i], c.Conversation, c.Event.Seq)]--
		}
	}
	for what, n := range want {
		if n != 0 {
			t.Fatalf("%s: %d times too few (negative: too many)", what, n)
		}
	}
}

// change folds an event into the members, as a view would, and says whom the event is about.
func change(members map[string]pb.Role, e *pb.ConversationEvent) (about []string) {
	switch word := e.Word.(type) {
	case *pb.ConversationEvent_ConversationCreated:
		for _, m := range word.ConversationCreated.Members {
			members[m.User] = m.Role
		}
	case *pb.ConversationEvent_MemberInvited:
		return []string{word.MemberInvited.User}
	case *pb.ConversationEvent_InvitationDeclined:
		return []string{word.InvitationDeclined.User}
	case *pb.ConversationEvent_MemberJoined:
		members[word.MemberJoined.Member.User] = word.MemberJoined.Member.Role
	case *pb.ConversationEvent_MemberLeft:
		delete(members, word.MemberLeft.User)
		if word.MemberLeft.NewOwner != "" {
			members[word.MemberLeft.NewOwner] = pb.Role_ROLE_OWNER
		}
		return []string{word.MemberLeft.User}
	case *pb.ConversationEvent_MemberRemoved:
		delete(members, word.MemberRemoved.User)
		return []string{word.MemberRemoved.User}
	case *pb.ConversationEvent_RoleChanged:
		members[word.RoleChanged.User] = word.RoleChanged.Role
		if word.RoleChanged.FormerOwner != "" {
			members[word.RoleChanged.FormerOwner] = pb.Role_ROLE_ADMIN
		}
	}
	return nil
}

// A producer that lost its acks says everything again, in its order; a group that lost its commits folds everything again.
// Neither leaves a trace: the events are the same bytes, and nothing is said behind them.
func TestRepeatsLeaveNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain, troubled := newCrowd(), newCrowd()
		seed := rapid.IntRange(1, 40).Draw(t, "acts")
		script := rapid.Custom(func(t *rapid.T) func(*crowd) {
			d, other := rapid.IntRange(0, 9).Draw(t, "device"), rapid.SampledFrom(everybody).Draw(t, "other")
			verb := rapid.IntRange(0, 4).Draw(t, "verb")
			return func(c *crowd) {
				who := c.devices[d]
				switch verb {
				case 0:
					who.CreateGroup("hike", "Hike", other)
				case 1:
					who.OpenDirect(other)
				case 2:
					who.SendText(name.Direct(who.User, other), "x")
				default:
					who.SendText(name.Group("hike"), "x")
				}
			}
		})
		for range seed {
			act := script.Draw(t, "act")
			act(plain)
			plain.Run()
			act(troubled)
			troubled.Run()
			trouble(t, troubled)
		}
		for _, topic := range []string{"conversation.events", "inbox.events", "account.events", "bookmark.events", topology.DeadLetters} {
			a, b := plain.Records(topic), troubled.Records(topic)
			if len(a) != len(b) {
				t.Fatalf("%s has %d records, with repeats %d", topic, len(a), len(b))
			}
			for i := range a {
				if a[i].Key != b[i].Key || string(a[i].Value) != string(b[i].Value) || !a[i].Time.Equal(b[i].Time) {
					t.Fatalf("record %d of %s is another with repeats", i, topic)
				}
			}
		}
	})
}

// trouble repeats what one group said into commands since some point, and rewinds a group; then runs.
func trouble(t *rapid.T, c *crowd) {
	producer := rapid.SampledFrom(small().Groups).Draw(t, "producer")
	since := rapid.IntRange(0, 30).Draw(t, "since")
	log := c.Log()
	for _, r := range log[max(len(log)-since, 0):] {
		topic, _ := small().Topic(r.Topic)
		packed := r.Get(topology.HeaderCause)
		if packed == nil || !topic.IsCommand() {
			continue
		}
		if cause, err := topology.UnpackCause(packed); err == nil && cause.Group == producer.Number {
			c.Repeat(r)
		}
	}
	rewound := rapid.SampledFrom(small().Groups).Draw(t, "rewound").Name
	c.Run()
	before := len(c.Log())
	for p := range small().Partitions {
		c.Rewind(rewound, p, 0)
	}
	c.Run()
	if len(c.Log()) != before {
		t.Fatalf("%s folded again and wrote %d records", rewound, len(c.Log())-before)
	}
}

// The same sends give the same bytes: values, keys, headers and order.
func TestTwoHousesAreTheSame(t *testing.T) {
	live := func() []topology.Record {
		c := newCrowd()
		group := c.devices[0].CreateGroup("hike", "Hike", everybody...)
		for i := range 40 {
			c.devices[i%len(c.devices)].SendText(group, fmt.Sprint(i))
			if i%3 == 0 {
				c.Run()
			}
		}
		c.Run()
		return c.Log()
	}
	one, other := live(), live()
	if fmt.Sprint(one) != fmt.Sprint(other) {
		t.Fatal("two houses differ")
	}
}

// What a conversation says to each word from everybody who might say it, and its limits.

package conversation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

const group = "g-hike/main"

var (
	direct  = name.Direct("ann", "bob")
	title   = &pb.Sealed{Ciphertext: append([]byte("Hike"), make([]byte, 16)...)}
	member  = pb.Role_ROLE_MEMBER
	admin   = pb.Role_ROLE_ADMIN
	owner   = pb.Role_ROLE_OWNER
	hiking  = groupRow(m("ann", owner, 1), m("bob", admin, 4), m("carl", member, 3), m("dora", member, 2))
	chatted = &pb.ConversationRow{Kind: pb.Kind_KIND_DIRECT, Seq: 3, Number: 2,
		Members: []*pb.Member{m("ann", member, 1), m("bob", member, 1)}}
)

func m(user string, role pb.Role, since uint64) *pb.Member {
	return &pb.Member{User: user, Role: role, SinceSeq: since}
}

func groupRow(members ...*pb.Member) *pb.ConversationRow {
	return &pb.ConversationRow{Kind: pb.Kind_KIND_GROUP, Title: title, Members: members, Seq: 10, Number: 5}
}

// with is a changed copy of a row.
func with(row *pb.ConversationRow, change func(*pb.ConversationRow)) *pb.ConversationRow {
	row = row.CloneVT()
	change(row)
	return row
}

func from(user string) *pb.Origin {
	return &pb.Origin{User: user, DeviceId: "d", ClientSeq: 1}
}

func asks(user string, r *pb.ConversationRequest) *pb.ConversationCommand {
	return &pb.ConversationCommand{Origin: from(user), Word: &pb.ConversationCommand_Request{Request: r}}
}

func say(user string, replyTo uint64) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: title, ReplyTo: replyTo}}})
}

func open(user, peer string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: peer}}})
}

func create(user string, members ...string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{Title: title, Members: members}}})
}

func add(user, other string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: other}}})
}

func invite(user, other string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: other}}})
}

func accept(user string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}})
}

func decline(user string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}})
}

func remove(user, other string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: other}}})
}

func leaving(user string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}})
}

func renaming(user string) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: title}}})
}

func promote(user, other string, role pb.Role) *pb.ConversationCommand {
	return asks(user, &pb.ConversationRequest{Word: &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{User: other, Role: role}}})
}

func answer(user string, allowed bool) *pb.ConversationCommand {
	return &pb.ConversationCommand{Word: &pb.ConversationCommand_AnswerJoin{AnswerJoin: &pb.AnswerJoin{User: user, Allowed: allowed}}}
}

func blocking(user string, blocked bool) *pb.ConversationCommand {
	return &pb.ConversationCommand{Word: &pb.ConversationCommand_SetBlock{SetBlock: &pb.SetBlock{User: user, Blocked: blocked}}}
}

// outcome words what is said: the event or question first, then "to" with everybody who is told; or the refusal.
func outcome(d decision) string {
	var line, to string
	p := transcript.Printer{Hide: []string{"ConversationEvent.origin", "ConversationEvent.time_ms", "ConversationEvent.seq", "ConversationEvent.number"}}
	for _, o := range d.Outputs {
		switch word := o.Message.(type) {
		case *pb.ConversationEvent:
			line += p.Line(word)
		case *pb.AccountCommand:
			line += fmt.Sprintf("asks %s for %s;", o.Key, word.GetAskJoin().By)
		case *pb.InboxCommand:
			if refused := word.GetRefused(); refused != nil {
				return fmt.Sprintf("%s: %s", o.Key, refused.Reason.String()[len("REASON_"):])
			}
			to += " " + o.Key
		}
	}
	if to != "" {
		line += " to" + to
	}
	return line
}

func decide(row *pb.ConversationRow, key string, in *pb.ConversationCommand) decision {
	return Decide(row, in, machine.Stamp{Key: key, TimeMs: 9, FanOut: 64})
}

// saying is a word, what it finds, and what is said to it.
type saying struct {
	name string
	row  *pb.ConversationRow
	key  string
	in   *pb.ConversationCommand
	want string
}

func check(t *testing.T, sayings []saying) {
	for _, c := range sayings {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := decide(c.row, c.key, c.in)
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Empty(t, d.Malformed)
			require.Equal(t, c.want, outcome(d))
		})
	}
}

func TestMessages(t *testing.T) {
	blocked := with(chatted, func(r *pb.ConversationRow) { r.Blocks = []string{"ann"} })
	check(t, []saying{
		{"say", hiking, group, say("carl", 0), `MessageSent{body "Hike"} to ann bob carl dora`},
		{"reply to the last one", hiking, group, say("carl", 5), `MessageSent{body "Hike", reply_to 5} to ann bob carl dora`},
		{"reply to the future", hiking, group, say("carl", 6), "carl: NOT_FOUND"},
		{"say in a direct conversation", chatted, direct, say("bob", 2), `MessageSent{body "Hike", reply_to 2} to ann bob`},
		{"say against a block", blocked, direct, say("bob", 0), "bob: BLOCKED"},
		{"say behind one's own block", blocked, direct, say("ann", 0), "ann: BLOCKED"},
		{"no body", hiking, group, asks("ann", &pb.ConversationRequest{Word: &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{}}}), "ann: INVALID"},
		{"an unknown word", hiking, group, asks("ann", &pb.ConversationRequest{}), "ann: INVALID"},
	})
}

func TestBeginnings(t *testing.T) {
	opening := &pb.ConversationRow{Asks: []*pb.Ask{{User: "bob", Origin: from("ann")}}}
	empty := with(hiking, func(r *pb.ConversationRow) { r.Members = nil })
	check(t, []saying{
		{"create", nil, group, create("ann", "carl", "bob", "ann", "bob"), `ConversationCreated{kind GROUP, title "Hike", members [ann(OWNER since 1/0)]}asks bob for ann;asks carl for ann; to ann`},
		{"create what is there", hiking, group, create("ann"), "ann: ALREADY_EXISTS"},
		{"create what others have", hiking, group, create("zoe"), "zoe: NOT_A_MEMBER"},
		{"create what all have left", empty, group, create("ann"), "ann: NOT_A_MEMBER"},
		{"create where two people talk", nil, direct, create("ann"), "ann: INVALID"},
		{"create with a group as member", nil, group, create("ann", "g-other"), "ann: INVALID"},
		{"create with too many", nil, group, create("ann", people(64)...), "ann: LIMIT_REACHED"},
		{"open", nil, direct, open("ann", "bob"), "asks bob for ann;"},
		{"open from the other side", nil, direct, open("bob", "ann"), "asks ann for bob;"},
		{"open while it is asked", opening, direct, open("ann", "bob"), "ann: ALREADY_EXISTS"},
		{"open while the other asks", opening, direct, open("bob", "ann"), "bob: ALREADY_EXISTS"},
		{"open what is there", chatted, direct, open("bob", "ann"), "bob: ALREADY_EXISTS"},
		{"open between two others", nil, direct, open("eve", "bob"), "eve: INVALID"},
		{"open with oneself", nil, direct, open("ann", "ann"), "ann: INVALID"},
		{"open with a group", nil, group, open("ann", "g-hike"), "ann: INVALID"},
		{"the answer is yes", opening, direct, answer("bob", true), "ConversationCreated{kind DIRECT, members [ann(MEMBER since 1/0), bob(MEMBER since 1/0)]} to ann bob"},
		{"the answer is no", opening, direct, answer("bob", false), "ann: PERSON_UNAVAILABLE"},
		{"an answer that nobody asked for", chatted, direct, answer("bob", true), ""},
	})
}

func TestComing(t *testing.T) {
	invited := with(hiking, func(r *pb.ConversationRow) { r.Invitations = []*pb.Invitation{{User: "emil", By: "ann"}} })
	asked := with(hiking, func(r *pb.ConversationRow) { r.Asks = []*pb.Ask{{User: "emil", Origin: from("bob")}} })
	askedByCarl := with(asked, func(r *pb.ConversationRow) { r.Asks[0].Origin = from("carl") })
	askedByZoe := with(asked, func(r *pb.ConversationRow) { r.Asks[0].Origin = from("zoe") })
	askedQuietly := with(asked, func(r *pb.ConversationRow) { r.Asks[0].Origin = &pb.Origin{User: "ann"} })
	inviting := with(asked, func(r *pb.ConversationRow) { r.Asks[0].Invite = true })
	invitingByZoe := with(askedByZoe, func(r *pb.ConversationRow) { r.Asks[0].Invite = true })
	full := with(hiking, func(r *pb.ConversationRow) {
		for _, user := range people(MaxInvitations - 1) {
			r.Invitations = append(r.Invitations, &pb.Invitation{User: user, By: "ann"})
		}
		r.Asks = []*pb.Ask{{User: "zoe", Origin: from("ann"), Invite: true}}
	})
	almost := with(full, func(r *pb.ConversationRow) { r.Asks[0].Invite = false })
	askedMember := with(asked, func(r *pb.ConversationRow) { r.Asks[0].User = "carl" })
	check(t, []saying{
		{"add", hiking, group, add("bob", "emil"), "asks emil for bob;"},
		{"add as a member", hiking, group, add("carl", "emil"), "carl: NOT_ALLOWED"},
		{"add a member", hiking, group, add("ann", "carl"), "ann: ALREADY_EXISTS"},
		{"add who is asked", asked, group, add("ann", "emil"), "ann: ALREADY_EXISTS"},
		{"add a group", hiking, group, add("ann", "g-other"), "ann: INVALID"},
		{"add to two people", chatted, direct, add("ann", "carl"), "ann: INVALID"},
		{"emil may come", asked, group, answer("emil", true), `MemberJoined{member emil(MEMBER since 11/5), title "Hike"} to ann bob carl dora emil`},
		{"emil may not come", asked, group, answer("emil", false), "bob: PERSON_UNAVAILABLE"},
		{"the one who asked fell in rank", askedByCarl, group, answer("emil", true), "carl: NOT_ALLOWED"},
		{"the one who asked has gone", askedByZoe, group, answer("emil", true), "zoe: NOT_A_MEMBER"},
		{"carl came meanwhile", askedMember, group, answer("carl", true), "bob: ALREADY_EXISTS"},
		{"the first members come", askedQuietly, group, answer("emil", true), `MemberJoined{member emil(MEMBER since 11/5), title "Hike"} to ann bob carl dora emil`},
		{"the first members do not come", askedQuietly, group, answer("emil", false), ""},
		{"invite", hiking, group, invite("bob", "emil"), "asks emil for bob;"},
		{"emil may be invited", inviting, group, answer("emil", true), `MemberInvited{user emil, title "Hike"} to ann bob carl dora emil`},
		{"emil may not be invited", inviting, group, answer("emil", false), "bob: PERSON_UNAVAILABLE"},
		{"the one who invited has gone", invitingByZoe, group, answer("emil", true), "zoe: NOT_A_MEMBER"},
		{"invite who is being invited", inviting, group, invite("ann", "emil"), "ann: ALREADY_EXISTS"},
		{"add who is being invited", inviting, group, add("ann", "emil"), "ann: ALREADY_EXISTS"},
		{"accept before the answer", inviting, group, accept("emil"), "emil: NOT_A_MEMBER"},
		{"invite when the last place is asked for", full, group, invite("ann", "emil"), "ann: LIMIT_REACHED"},
		{"invite when a member is asked for", almost, group, invite("ann", "emil"), "asks emil for ann;"},
		{"invite as a member", hiking, group, invite("carl", "emil"), "carl: NOT_ALLOWED"},
		{"invite twice", invited, group, invite("bob", "emil"), "bob: ALREADY_EXISTS"},
		{"invite a member", hiking, group, invite("bob", "carl"), "bob: ALREADY_EXISTS"},
		{"invite who is asked", asked, group, invite("bob", "emil"), "bob: ALREADY_EXISTS"},
		{"invite nobody", hiking, group, invite("bob", ""), "bob: INVALID"},
		{"accept", invited, group, accept("emil"), `MemberJoined{member emil(MEMBER since 11/5), title "Hike"} to ann bob carl dora emil`},
		{"accept uninvited", invited, group, accept("zoe"), "zoe: NOT_A_MEMBER"},
		{"accept what is not there", nil, group, accept("zoe"), "zoe: NOT_A_MEMBER"},
		{"accept as a member", invited, group, accept("carl"), "carl: ALREADY_EXISTS"},
		{"decline", invited, group, decline("emil"), "InvitationDeclined{user emil} to ann bob carl dora emil"},
		{"decline uninvited", invited, group, decline("zoe"), "zoe: NOT_A_MEMBER"},
		{"decline as a member", invited, group, decline("carl"), "carl: NOT_FOUND"},
	})
}

func TestGoingAndRanks(t *testing.T) {
	check(t, []saying{
		{"the owner removes an admin", hiking, group, remove("ann", "bob"), "MemberRemoved{user bob} to ann bob carl dora"},
		{"an admin removes a member", hiking, group, remove("bob", "carl"), "MemberRemoved{user carl} to ann bob carl dora"},
		{"an admin removes the owner", hiking, group, remove("bob", "ann"), "bob: NOT_ALLOWED"},
		{"a member removes a member", hiking, group, remove("carl", "dora"), "carl: NOT_ALLOWED"},
		{"remove oneself", hiking, group, remove("ann", "ann"), "ann: INVALID"},
		{"remove who is not there", hiking, group, remove("ann", "zoe"), "ann: NOT_FOUND"},
		{"leave", hiking, group, leaving("carl"), "MemberLeft{user carl} to ann bob carl dora"},
		{"the owner leaves to an admin", hiking, group, leaving("ann"), "MemberLeft{user ann, new_owner bob} to ann bob carl dora"},
		{"the owner leaves to the oldest member", groupRow(m("ann", owner, 1), m("carl", member, 3), m("dora", member, 2)), group, leaving("ann"), "MemberLeft{user ann, new_owner dora} to ann carl dora"},
		{"the last one leaves", groupRow(m("ann", owner, 1)), group, leaving("ann"), "MemberLeft{user ann} to ann"},
		{"leave two people", chatted, direct, leaving("ann"), "ann: INVALID"},
		{"rename", hiking, group, renaming("bob"), `ConversationRenamed{title "Hike"} to ann bob carl dora`},
		{"rename as a member", hiking, group, renaming("carl"), "carl: NOT_ALLOWED"},
		{"make an admin", hiking, group, promote("ann", "carl", admin), "RoleChanged{user carl, role ADMIN} to ann bob carl dora"},
		{"make an owner", hiking, group, promote("ann", "carl", owner), "RoleChanged{user carl, role OWNER, former_owner ann} to ann bob carl dora"},
		{"make what is so", hiking, group, promote("ann", "bob", admin), "ann: ALREADY_EXISTS"},
		{"an admin makes an admin", hiking, group, promote("bob", "carl", admin), "bob: NOT_ALLOWED"},
		{"step down", hiking, group, promote("ann", "ann", member), "ann: INVALID"},
		{"an unknown role", hiking, group, promote("ann", "carl", 9), "ann: INVALID"},
		{"a role for a stranger", hiking, group, promote("ann", "zoe", admin), "ann: NOT_FOUND"},
		{"a block says nothing", chatted, direct, blocking("ann", true), ""},
		{"a block before the conversation says nothing", nil, direct, blocking("ann", true), ""},
	})
}

// A stranger hears the same words, byte for byte, of what exists and of what does not.
func TestStrangersLearnNothing(t *testing.T) {
	for _, in := range []*pb.ConversationCommand{
		say("eve", 0), say("eve", 9), add("eve", "bob"), invite("eve", "bob"), accept("eve"), decline("eve"), remove("eve", "ann"),
		leaving("eve"), renaming("eve"), promote("eve", "ann", admin), asks("eve", &pb.ConversationRequest{}),
	} {
		for _, key := range []string{group, direct} {
			row := map[string]*pb.ConversationRow{group: hiking, direct: chatted}[key]
			there, not := decide(row, key, in), decide(nil, key, in)
			require.Equal(t, "eve: NOT_A_MEMBER", outcome(there))
			require.True(t, not.Outputs[0].Message.(*pb.InboxCommand).EqualVT(there.Outputs[0].Message.(*pb.InboxCommand)))
			require.Len(t, there.Outputs, 1)
			require.Empty(t, there.Events)
		}
	}
}

func TestMalformed(t *testing.T) {
	nobody := say("ann", 0)
	nobody.Origin = nil
	quiet := say("ann", 0)
	quiet.Origin.ClientSeq = 0
	for _, c := range []struct {
		name, key string
		in        *pb.ConversationCommand
	}{
		{"no conversation", "ann", say("ann", 0)},
		{"the home is the other one", "bob/ann", say("ann", 0)},
		{"from nobody", direct, nobody},
		{"without a number", direct, quiet},
		{"a block between others", direct, blocking("eve", true)},
		{"a block in a group", group, blocking("g-hike", true)},
		{"no word", direct, &pb.ConversationCommand{}},
	} {
		d := decide(nil, c.key, c.in)
		require.NotEmpty(t, d.Malformed, c.name)
		require.Empty(t, d.Events, c.name)
		require.Empty(t, d.Outputs, c.name)
	}
}

func people(n int) (users []string) {
	for i := range n {
		users = append(users, fmt.Sprintf("u%02d", i))
	}
	return users
}

// Limits: each is reached exactly, and one more is refused.
func TestLimits(t *testing.T) {
	apply := func(row *pb.ConversationRow, d decision) *pb.ConversationRow {
		for _, e := range d.Events {
			row = Machine.Apply(row, e)
		}
		return row
	}
	row := apply(nil, decide(nil, group, create("ann", people(62)...)))
	require.Len(t, row.Asks, 62)
	row = apply(row, decide(row, group, add("ann", "u62")))
	require.Equal(t, "ann: LIMIT_REACHED", outcome(decide(row, group, add("ann", "u63"))), "who is asked has a place kept")
	for i := range 64 {
		user := fmt.Sprintf("v%02d", i)
		row = apply(row, decide(row, group, invite("ann", user)))
		require.Equal(t, "ann: LIMIT_REACHED", outcome(decide(row, group, invite("ann", "w"))), "so many accounts are asked at once")
		row = apply(row, decide(row, group, answer(user, true)))
	}
	require.Len(t, row.Invitations, MaxInvitations)
	require.Equal(t, "ann: LIMIT_REACHED", outcome(decide(row, group, invite("ann", "w"))))

	row = apply(row, decide(row, group, accept("v00")))
	for _, user := range append(people(62), "u62") {
		d := decide(row, group, answer(user, true))
		if user == "u62" {
			require.Equal(t, "ann: LIMIT_REACHED", outcome(d), "an invited person took the last place")
		}
		row = apply(row, d)
	}
	require.Len(t, row.Members, 64)
	require.Empty(t, row.Asks)
	require.Equal(t, "v01: LIMIT_REACHED", outcome(decide(row, group, accept("v01"))))
	require.Equal(t, "ann: LIMIT_REACHED", outcome(decide(row, group, add("ann", "w"))))

	two := machine.Stamp{Key: group, FanOut: 2}
	require.Equal(t, "ann: LIMIT_REACHED", outcome(Decide(nil, create("ann", "bob", "carl"), two)), "the limit is the plan's fan-out")
}

// What Apply changes in the row must not reach into an event that is still to be said.
func TestEventsKeepWhatTheySay(t *testing.T) {
	created := decide(nil, group, create("ann"))
	row := Machine.Apply(nil, created.Events[0])
	said := created.Events[0].(emitted).CloneVT()
	row = Machine.Apply(row, emitted{&pb.ConversationEvent{Word: &pb.ConversationEvent_RoleChanged{
		RoleChanged: &pb.RoleChanged{User: "ann", Role: member},
	}}})
	require.Equal(t, member, row.Members[0].Role)
	require.True(t, said.EqualVT(created.Events[0].(emitted).ConversationEvent))
}

func TestBlocks(t *testing.T) {
	var row *pb.ConversationRow
	for _, c := range []struct {
		user    string
		blocked bool
		want    []string
	}{
		{"bob", true, []string{"bob"}}, {"ann", true, []string{"ann", "bob"}}, {"ann", true, []string{"ann", "bob"}},
		{"bob", false, []string{"ann"}}, {"bob", false, []string{"ann"}}, {"ann", false, []string{}},
	} {
		d := decide(row, direct, blocking(c.user, c.blocked))
		row = Machine.Apply(row, d.Events[0])
		require.Equal(t, c.want, row.Blocks)
		require.Zero(t, row.Seq, "a block draws no seq")
	}
}

// Apply begins with a copy of the row that lacks nothing, whatever a schema or a newer binary adds.
func TestACopyHasEverything(t *testing.T) {
	row := with(hiking, func(row *pb.ConversationRow) {
		row.Invitations = []*pb.Invitation{{User: "eve", By: "ann"}}
		row.Asks = []*pb.Ask{{User: "fred", Origin: from("ann")}}
		row.Blocks = []string{"ann"}
		row.ProtoReflect().SetUnknown([]byte{0x98, 6, 1})
	})
	fields := row.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		require.True(t, row.ProtoReflect().Has(fields.Get(i)), "give the row of this test a %s", fields.Get(i).Name())
	}
	require.True(t, copied(row).EqualVT(row))
	require.True(t, copied(nil).EqualVT(&pb.ConversationRow{}))
}

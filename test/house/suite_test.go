// The suite: what people do, and what the house promises them. Every test uses people of its own.

package house

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

func suite(t *testing.T, h *House) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *House)
	}{
		{"two people", twoPeople},
		{"ten in a group", tenInAGroup},
		{"offline and resume", offlineAndResume},
		{"two devices of one person", twoDevices},
		{"numbers repeated, skipped, from two connections", numbers},
		{"a removed member", removedMember},
		{"a blocked person", blockedPerson},
		{"invitations and roles", invitationsAndRoles},
		{"receipts, unread, typing, presence", receipts},
		{"bad frames", badFrames},
		{"bad logins", badLogins},
		{"HTTP", overHTTP},
		{"the Go client", goClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, h)
		})
	}
}

// people makes accounts for a test and returns their ids.
func (h *House) people(t *testing.T, names ...string) []string {
	stamp := fmt.Sprintf("%x", time.Now().UnixNano())
	ids := make([]string, len(names))
	var wg sync.WaitGroup
	for i, n := range names {
		ids[i] = n + "-" + stamp
		wg.Add(1)
		go func() {
			defer wg.Done()
			d := h.Online(t, ids[i], "signup")
			e := d.Do(&pb.Send{Word: &pb.Send_CreateAccount{CreateAccount: &pb.SendProfile{DisplayName: n}}})
			if !e.GetAccount().GetCreated() {
				t.Errorf("account of %s: %v", n, e)
			}
			d.Unplug()
		}()
	}
	wg.Wait()
	return ids
}

// direct opens the direct conversation of a device's person with another one.
func direct(d *Device, peer string) string {
	e := d.Do(&pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: peer}}})
	require.NotNil(d.t, e.GetCreated(), "open direct: %v", e)
	require.Equal(d.t, name.Direct(d.user, peer), e.Conversation)
	return e.Conversation
}

// group makes a group and waits until everybody is in.
func group(d *Device, title string, members ...string) string {
	e := d.Do(&pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{Title: title, Members: members}}})
	require.NotNil(d.t, e.GetCreated(), "create group: %v", e)
	require.Equal(d.t, title, e.GetCreated().Title)
	for _, m := range members {
		joined(d, e.Conversation, m)
	}
	return e.Conversation
}

func joined(d *Device, conversation, user string) *pb.Event {
	return d.Wait(user+" to join", func(e *pb.Event) bool {
		return e.Conversation == conversation && e.GetJoined().GetUser() == user
	})
}

func twoPeople(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	ann, bob := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop")
	c := direct(ann, p[1])
	bob.Wait("the conversation", func(e *pb.Event) bool { return e.Conversation == c && e.GetCreated() != nil })

	said := ann.Say(c, "hello Bob \u202eשלום 👋")
	require.EqualValues(t, 1, said.Number)
	heard := bob.Hears(c, "hello Bob \u202eשלום 👋")
	require.Equal(t, said.Seq, heard.Seq)
	require.Empty(t, heard.DeviceId, "a person's device ids are nobody else's business")

	reply := bob.Do(&pb.Send{Conversation: c, Word: &pb.Send_Text{Text: &pb.SendText{Text: "hello Ann", ReplyTo: 1}}})
	require.EqualValues(t, 2, reply.Number)
	require.EqualValues(t, 1, ann.Hears(c, "hello Ann").GetMessage().ReplyTo)
	nothing := bob.Do(&pb.Send{Conversation: c, Word: &pb.Send_Text{Text: &pb.SendText{Text: "to nothing", ReplyTo: 99}}})
	require.Equal(t, pb.Reason_REASON_NOT_FOUND, nothing.GetRefused().GetReason())

	const each = 25
	var wg sync.WaitGroup
	for _, d := range []*Device{ann, bob} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				d.Send(parley.Text(c, fmt.Sprintf("%s %d", d.id, i)))
			}
		}()
	}
	wg.Wait()
	for _, d := range []*Device{ann, bob} {
		d.Hears(c, fmt.Sprintf("phone %d", each-1))
		d.Hears(c, fmt.Sprintf("laptop %d", each-1))
	}
	require.Equal(t, ann.texts(c), bob.texts(c), "both see one order")
	require.Len(t, ann.texts(c), 2+2*each)
	eventually(t, func() bool { return len(ann.history(c, 7)) == 2+2*each })
	require.Equal(t, bob.texts(c), ann.history(c, 7), "history is what was pushed")
	again := ann.Do(&pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: p[1]}}})
	require.Equal(t, pb.Reason_REASON_ALREADY_EXISTS, again.GetRefused().GetReason())
}

func tenInAGroup(t *testing.T, h *House) {
	names := make([]string, 10)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	p := h.people(t, names...)
	devices := make([]*Device, len(p))
	for i := range p {
		devices[i] = h.Online(t, p[i], fmt.Sprintf("device%d", i*i))
	}
	c := group(devices[0], "the ten", p[1:]...)
	for i, d := range devices[1:] {
		e := joined(d, c, p[i+1])
		require.Equal(t, "the ten", e.GetJoined().Title, "who joins is told the title")
	}
	const each = 10
	var wg sync.WaitGroup
	for i, d := range devices {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for n := range each {
				d.Send(parley.Text(c, fmt.Sprintf("%d says %d", i, n)))
			}
		}()
	}
	wg.Wait()
	for i := range devices {
		for _, d := range devices {
			d.Hears(c, fmt.Sprintf("%d says %d", i, each-1))
		}
	}
	for _, d := range devices {
		require.Len(t, d.texts(c), each*len(p))
		require.Equal(t, devices[0].texts(c), d.texts(c), "%s sees the same order", d.user)
	}
}

func offlineAndResume(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	ann, bob := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop")
	c := direct(ann, p[1])
	ann.Say(c, "before")
	bob.Hears(c, "before")
	for round := range 3 {
		bob.Unplug()
		for i := range 20 {
			ann.Send(parley.Text(c, fmt.Sprintf("while away %d.%d", round, i)))
		}
		last := ann.Say(c, fmt.Sprintf("last %d", round))
		bob.Plug()
		require.Equal(t, last.Seq, bob.Hears(c, fmt.Sprintf("last %d", round)).Seq)
		bob.Say(c, fmt.Sprintf("back %d", round))
		ann.Hears(c, fmt.Sprintf("back %d", round))
	}
	require.Equal(t, ann.texts(c), bob.texts(c), "nothing lost, nothing twice")
	require.Zero(t, bob.resyncs)

	bob.Unplug()
	token := h.Token(t, bob.user) // before the gate waits for a hello
	bob.cursor.Epoch += 7
	bob.mu.Lock()
	bob.conn, bob.closed = bob.dial(), nil
	cursor := bob.cursor
	bob.mu.Unlock()
	go bob.read(bob.conn)
	bob.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: bob.id, Cursor: cursor}}})
	bob.until("a resync for a cursor of another epoch", func() bool { return bob.resyncs == 1 })
	bob.Snapshot()
	ann.Say(c, "after the resync")
	bob.Hears(c, "after the resync")
}

func twoDevices(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	phone, tablet, bob := h.Online(t, p[0], "phone"), h.Online(t, p[0], "a-tablet"), h.Online(t, p[1], "laptop")
	c := direct(phone, p[1])
	require.Equal(t, c, tablet.Wait("the conversation", func(e *pb.Event) bool { return e.GetCreated() != nil }).Conversation)
	for i := range 10 {
		phone.Send(parley.Text(c, fmt.Sprintf("phone %d", i)))
		tablet.Send(parley.Text(c, fmt.Sprintf("tablet %d", i)))
	}
	for _, d := range []*Device{phone, tablet, bob} {
		d.Hears(c, "phone 9")
		d.Hears(c, "tablet 9")
	}
	require.Equal(t, phone.texts(c), tablet.texts(c))
	require.Equal(t, phone.texts(c), bob.texts(c))
	mine := tablet.Hears(c, "phone 3")
	require.Equal(t, "phone", mine.DeviceId, "one's own devices know which of them it was")
}

func numbers(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	ann, bob := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop")
	c := direct(ann, p[1])
	first := ann.Say(c, "once")
	repeat := parley.Text(c, "once, again")
	repeat.ClientSeq = first.ClientSeq
	ann.Send(repeat)

	skip := parley.Text(c, "too early")
	skip.ClientSeq = first.ClientSeq + 5
	refused := ann.Do(skip)
	require.Equal(t, pb.Reason_REASON_EXPECTED_OTHER_CLIENT_SEQ, refused.GetRefused().GetReason())
	require.Equal(t, first.ClientSeq+1, refused.GetRefused().ExpectedClientSeq)

	twin := h.Online(t, p[0], "phone") // the same device on a second connection
	for i := range 10 {
		s := parley.Text(c, fmt.Sprintf("twin %d", i))
		s.ClientSeq = first.ClientSeq + 1 + uint64(i)
		ann.Send(s)
		twin.Send(&pb.Send{ClientSeq: s.ClientSeq, Conversation: c, Word: s.Word})
	}
	ann.mu.Lock()
	ann.seq = first.ClientSeq + 10
	ann.mu.Unlock()
	ann.Say(c, "done")
	bob.Hears(c, "done")
	want := []string{"once"}
	for i := range 10 {
		want = append(want, fmt.Sprintf("twin %d", i))
	}
	require.Equal(t, append(want, "done"), bob.texts(c))
	twin.Hears(c, "done")
	require.Equal(t, want[1:11], texts(twin.texts(c), "twin"), "both connections see every message once")
}

// texts are those that begin with a prefix.
func texts(all []string, prefix string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, prefix) })
}

func removedMember(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob", "eve")
	ann, bob, eve := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop"), h.Online(t, p[2], "watch")
	c := group(ann, "us", p[1], p[2])
	ann.Say(c, "all three")
	eve.Hears(c, "all three")
	removed := ann.Do(&pb.Send{Conversation: c, Word: &pb.Send_RemoveMember{RemoveMember: &pb.SendUser{User: p[2]}}})
	require.Equal(t, p[2], removed.GetRemoved().GetUser())
	eve.Wait("to be told", func(e *pb.Event) bool { return e.GetRemoved().GetUser() == p[2] })
	ann.Say(c, "a secret")
	bob.Hears(c, "a secret")
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, eve.Say(c, "let me in").GetRefused().GetReason())
	eventually(t, func() bool {
		a := eve.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: c}}})
		return a.GetRefused().GetCode() == pb.Code_CODE_NOT_FOUND
	})
	a := eve.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Members{Members: &pb.GetMembers{Conversation: c}}})
	require.Equal(t, pb.Code_CODE_NOT_FOUND, a.GetRefused().GetCode())
	stranger := eve.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_History{History: &pb.GetHistory{Conversation: name.Group("0123")}}})
	require.Equal(t, a.GetRefused().Detail, stranger.GetRefused().Detail, "removed and never there look the same")
	for _, where := range []string{c, name.Group("0123"), name.Direct(p[2], p[1])} { // removed from, not there, never opened
		eve.seenInVain(where)
	}
	eve.Say(c, "still not") // its refusal comes after everything that eve could have been told
	require.NotContains(t, eve.texts(c), "a secret")
	eventually(t, func() bool { return eve.line(c).GetMembership() == pb.Membership_MEMBERSHIP_GONE })
}

func blockedPerson(t *testing.T, h *House) {
	p := h.people(t, "ann", "eve", "dan")
	ann, eve := h.Online(t, p[0], "phone"), h.Online(t, p[1], "watch")
	c := direct(ann, p[1])
	eve.Say(c, "hi")
	ann.Hears(c, "hi")
	blocked := ann.Do(&pb.Send{Word: &pb.Send_Block{Block: &pb.SendUser{User: p[1]}}})
	require.Equal(t, p[1], blocked.GetAccount().GetBlocked())
	eventually(t, func() bool { return eve.Say(c, "let me talk").GetRefused().GetReason() == pb.Reason_REASON_BLOCKED })
	eve.Do(&pb.Send{Word: &pb.Send_CreateGroup{CreateGroup: &pb.SendCreateGroup{Title: "trap", Members: []string{p[0], p[2]}}}})
	trap := eve.Wait("dan to join", func(e *pb.Event) bool { return e.GetJoined().GetUser() == p[2] })
	add := eve.Do(&pb.Send{Conversation: trap.Conversation, Word: &pb.Send_AddMember{AddMember: &pb.SendUser{User: p[0]}}})
	require.Equal(t, pb.Reason_REASON_PERSON_UNAVAILABLE, add.GetRefused().GetReason())
	invite := eve.Do(&pb.Send{Conversation: trap.Conversation, Word: &pb.Send_InviteMember{InviteMember: &pb.SendUser{User: p[0]}}})
	require.Equal(t, pb.Reason_REASON_PERSON_UNAVAILABLE, invite.GetRefused().GetReason())
	nobody := eve.Do(&pb.Send{Conversation: trap.Conversation, Word: &pb.Send_InviteMember{InviteMember: &pb.SendUser{User: "nobody-" + p[0]}}})
	require.Equal(t, invite.GetRefused(), nobody.GetRefused(), "blocked and unknown look the same")
	ghost := eve.Do(&pb.Send{Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: "nobody-" + p[0]}}})
	require.Equal(t, pb.Reason_REASON_PERSON_UNAVAILABLE, ghost.GetRefused().GetReason(), "blocked and unknown look the same")

	unblocked := ann.Do(&pb.Send{Word: &pb.Send_Unblock{Unblock: &pb.SendUser{User: p[1]}}})
	require.Equal(t, p[1], unblocked.GetAccount().GetUnblocked())
	eventually(t, func() bool { return eve.Say(c, "thank you").GetMessage() != nil })
	ann.Hears(c, "thank you")
	require.NotContains(t, ann.texts(c), "let me talk")
	eve.Do(&pb.Send{Conversation: trap.Conversation, Word: &pb.Send_InviteMember{InviteMember: &pb.SendUser{User: p[0]}}})
	ann.Wait("the invitation", func(e *pb.Event) bool { return e.GetInvited().GetUser() == p[0] })
	ann.mu.Lock()
	defer ann.mu.Unlock()
	trapped := slices.DeleteFunc(slices.Clone(ann.events), func(e *pb.Event) bool { return e.Conversation != trap.Conversation })
	require.Len(t, trapped, 1, "she hears of the group when she is invited without a block, and of no try before")
}

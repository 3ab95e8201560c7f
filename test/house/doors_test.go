// What is refused at the doors, and how; and the door for curl.

package house

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
	"github.com/parley-im/parley/clients/go/frames"
	"github.com/parley-im/parley/gateways/token"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func invitationsAndRoles(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob", "cat")
	ann, bob, cat := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop"), h.Online(t, p[2], "watch")
	c := group(ann, "club")
	to := func(d *Device, s *pb.Send) *pb.Event { s.Conversation = c; return d.Do(s) }

	invited := to(ann, &pb.Send{Word: &pb.Send_InviteMember{InviteMember: &pb.SendUser{User: p[1]}}})
	require.Equal(t, p[1], invited.GetInvited().GetUser())
	told := bob.Wait("the invitation", func(e *pb.Event) bool { return e.GetInvited().GetUser() == p[1] })
	require.Equal(t, "club", told.GetInvited().Title)
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, to(bob, parley.Text(c, "too early")).GetRefused().GetReason())
	accepted := to(bob, &pb.Send{Word: &pb.Send_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}})
	require.Equal(t, p[1], accepted.GetJoined().GetUser())

	to(ann, &pb.Send{Word: &pb.Send_InviteMember{InviteMember: &pb.SendUser{User: p[2]}}})
	cat.Wait("the invitation", func(e *pb.Event) bool { return e.GetInvited().GetUser() == p[2] })
	declined := to(cat, &pb.Send{Word: &pb.Send_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}})
	require.Equal(t, p[2], declined.GetDeclined().GetUser())

	require.Equal(t, pb.Reason_REASON_NOT_ALLOWED, to(bob, rename("mine")).GetRefused().GetReason())
	made := to(ann, &pb.Send{Word: &pb.Send_ChangeRole{ChangeRole: &pb.SendRole{User: p[1], Role: pb.Role_ROLE_ADMIN}}})
	require.Equal(t, pb.Role_ROLE_ADMIN, made.GetRoleChanged().GetRole())
	require.Equal(t, "ours", to(bob, rename("ours")).GetRenamed().GetTitle())
	require.Equal(t, pb.Reason_REASON_NOT_ALLOWED, to(bob, &pb.Send{Word: &pb.Send_ChangeRole{ChangeRole: &pb.SendRole{User: p[1], Role: pb.Role_ROLE_OWNER}}}).GetRefused().GetReason())
	to(bob, &pb.Send{Word: &pb.Send_AddMember{AddMember: &pb.SendUser{User: p[2]}}})
	cat.Wait("to be in", func(e *pb.Event) bool { return e.GetJoined().GetUser() == p[2] && e.Conversation == c })

	left := to(ann, &pb.Send{Word: &pb.Send_Leave{Leave: &pb.LeaveConversation{}}})
	require.Equal(t, p[0], left.GetLeft().GetUser())
	require.Equal(t, p[1], left.GetLeft().GetOther(), "the admin is the owner now")
	eventually(t, func() bool {
		a := cat.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Members{Members: &pb.GetMembers{Conversation: c}}})
		m := a.GetMembers().GetMembers()
		return len(m) == 2 && m[0].Role == pb.Role_ROLE_OWNER && m[0].DisplayName == "bob" && m[1].DisplayName == "cat"
	})
}

func rename(title string) *pb.Send {
	return &pb.Send{Word: &pb.Send_Rename{Rename: &pb.SendTitle{Title: title}}}
}

func receipts(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob")
	ann, bob := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop")
	c := direct(ann, p[1])
	for i := range 5 {
		ann.Say(c, fmt.Sprintf("m%d", i))
	}
	bob.Hears(c, "m4")
	eventually(t, func() bool { return bob.line(c).GetUnread() == 5 })
	require.Zero(t, ann.line(c).GetUnread(), "one's own are never unread")
	seen := func(delivered, read uint64) {
		bob.Tell(&pb.ClientFrame{Word: &pb.ClientFrame_Seen{Seen: &pb.SeenMark{Conversation: c, Marks: &pb.Marks{Delivered: delivered, Read: read}}}})
	}
	seen(5, 3)
	ann.Wait("three read", func(e *pb.Event) bool { return e.GetReceipt().GetUser() == p[1] && e.GetReceipt().Marks.Read == 3 })
	eventually(t, func() bool { return bob.line(c).GetUnread() == 2 })
	seen(5, 1) // late: marks never fall
	seen(5, 5)
	ann.Wait("all read", func(e *pb.Event) bool { return e.GetReceipt().GetUser() == p[1] && e.GetReceipt().Marks.Read == 5 })
	eventually(t, func() bool { return bob.line(c).GetUnread() == 0 })

	watch := ann.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Watch{Watch: &pb.Watch{Conversations: []string{c}}}})
	require.Nil(t, watch.GetRefused())
	eventually(t, func() bool {
		bob.Tell(&pb.ClientFrame{Word: &pb.ClientFrame_Typing{Typing: &pb.Typing{Conversation: c}}})
		ann.mu.Lock()
		defer ann.mu.Unlock()
		for _, f := range ann.frames {
			if f.GetTyping().GetUser() == p[1] {
				return true
			}
		}
		return false
	})
	eventually(t, func() bool { return online(ann, c, p[1]) })
	bob.Unplug()
	eventually(t, func() bool { return !online(ann, c, p[1]) })
}

func online(d *Device, conversation, user string) bool {
	a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Members{Members: &pb.GetMembers{Conversation: conversation}}})
	for _, m := range a.GetMembers().GetMembers() {
		if m.User == user {
			return m.Online
		}
	}
	return false
}

func badFrames(t *testing.T, h *House) {
	p := h.people(t, "ann", "eve")
	eve := h.Online(t, p[1], "even") // an even number of letters: speaks JSON
	refusal := func(b string) *pb.Refused {
		eve.mu.Lock()
		n := len(eve.frames)
		eve.mu.Unlock()
		require.NoError(t, eve.connected().WriteText([]byte(b)))
		eve.until("a refusal of "+b[:min(len(b), 60)], func() bool { return len(eve.frames) > n && eve.frames[n].GetRefused() != nil })
		return eve.frames[n].GetRefused()
	}
	for _, b := range []string{
		`{`, `[]`, `{"id":"9"}`, `{"id":"9","fly":{}}`, `{"id":"9","send":{"clientSeq":"x"}}`,
		`{"id":"9","send":{"clientSeq":"1","conversation":"a/b","text":{"text":7}}}`,
		`{"id":"9","history":{"conversation":"no slash"}}`,
		`{"id":"9","history":{"conversation":{"$ne":1}}}`,
		strings.Repeat(`{"send":`, 5000),
	} {
		require.Equal(t, pb.Code_CODE_INVALID, refusal(b).Code, b[:min(len(b), 60)])
	}
	ask := func(s *pb.Send) *pb.Refused {
		a := eve.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Send{Send: s}})
		require.NotNil(t, a.GetRefused(), "%v: %v", s, a)
		return a.GetRefused()
	}
	require.Equal(t, "send.text.text", ask(&pb.Send{ClientSeq: 1, Conversation: "g-1/main", Word: &pb.Send_Text{Text: &pb.SendText{Text: strings.Repeat("x", 16385)}}}).Field)
	require.Equal(t, pb.Code_CODE_INVALID, ask(&pb.Send{ClientSeq: 0, Conversation: "g-1/main", Word: parley.Text("", "x").Word}).Code)
	require.Equal(t, pb.Code_CODE_INVALID, ask(&pb.Send{ClientSeq: 1, Word: parley.Text("", "nowhere").Word}).Code)
	require.Equal(t, pb.Code_CODE_INVALID, ask(&pb.Send{ClientSeq: 1, Word: &pb.Send_OpenDirect{OpenDirect: &pb.SendOpenDirect{Peer: "g-1"}}}).Code)
	// The number was not used up, and the connection lives: a foreign conversation is refused by the log itself.
	require.Equal(t, pb.Reason_REASON_NOT_A_MEMBER, eve.Say("g-0123/main", "hello?").GetRefused().GetReason())

	utf8 := h.NewDevice(t, p[0], "odd")
	utf8.Plug()
	frame := &pb.ClientFrame{Id: 77, Word: &pb.ClientFrame_Send{Send: &pb.Send{ClientSeq: 1, Conversation: "g-1/main", Word: parley.Text("", "bad utf8").Word}}}
	b, err := frames.Protobuf.Append(nil, frame)
	require.NoError(t, err)
	require.NoError(t, utf8.connected().WriteBinary(bytes.Replace(b, []byte("utf8"), []byte("ut\xff8"), 1)))
	utf8.WaitFrame("a refusal of bad UTF-8", func(f *pb.ServerFrame) bool { return f.GetRefused().GetCode() == pb.Code_CODE_INVALID })

	// The gate may close while the frame is still being written: that it closes is what counts.
	_ = eve.connected().WriteText([]byte(`{"id":"10","send":{"text":{"text":"` + strings.Repeat("y", 1<<20) + `"}}}`))
	var closed *frames.CloseError
	require.ErrorAs(t, eve.WaitClosed(), &closed)
	require.Equal(t, 1009, closed.Code, "too large: %v", closed)
}

func badLogins(t *testing.T, h *House) {
	p := h.people(t, "ann")
	good := h.Token(t, p[0])
	private, _, err := token.Pair(filepath.Join(h.Data, "token"))
	require.NoError(t, err)
	expired, err := token.Mint(private, token.Local, p[0], time.Now().Add(-time.Hour), time.Minute)
	require.NoError(t, err)
	elsewhere := h.Run(t, "token", p[0], "--data", t.TempDir())
	for what, token := range map[string]string{
		"expired": expired, "another key": elsewhere, "garbage": "a.b.c", "cut": good[:len(good)-4],
		"alg none": "eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".",
	} {
		d := h.NewDevice(t, p[0], "phone")
		d.conn = d.dial()
		go d.read(d.conn)
		a := d.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_Hello{Hello: &pb.Hello{Token: token, DeviceId: d.id}}})
		require.Equal(t, pb.Code_CODE_UNAUTHENTICATED, a.GetRefused().GetCode(), what)
	}
	early := h.NewDevice(t, p[0], "phone")
	early.conn = early.dial()
	go early.read(early.conn)
	a := early.Ask(&pb.ClientFrame{Word: &pb.ClientFrame_List{List: &pb.GetConversations{}}})
	require.Equal(t, pb.Code_CODE_OUT_OF_ORDER, a.GetRefused().GetCode(), "nothing before hello")

	_, err = frames.Dial(t.Context(), h.URL, frames.Options{Encoding: frames.JSON, Header: http.Header{"Origin": {"https://evil.example"}}})
	var status frames.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, frames.StatusError(http.StatusForbidden), status, "a page from elsewhere")
}

// call makes an HTTP request and returns the status and the body.
func (h *House) call(t *testing.T, method, path, token, body string) (int, map[string]any) {
	r, err := http.NewRequest(method, h.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	answer := map[string]any{}
	require.NoError(t, json.Unmarshal(b, &answer), "%s %s: %s", method, path, b)
	if resp.StatusCode >= 400 {
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	}
	return resp.StatusCode, answer
}

func overHTTP(t *testing.T, h *House) {
	p := h.people(t, "ann", "bob", "eve")
	ann, bob := h.Online(t, p[0], "phone"), h.Online(t, p[1], "laptop")
	c := direct(ann, p[1])
	path := "/v1/conversations/" + c + "/messages"
	status, said := h.call(t, "POST", path, h.Token(t, p[0]), `{"text":"by curl"}`)
	require.Equal(t, http.StatusOK, status, said)
	require.Equal(t, fmt.Sprint(bob.Hears(c, "by curl").Seq), fmt.Sprint(said["seq"]))
	for range 2 { // the same device and number: the same message
		status, _ = h.call(t, "POST", path, h.Token(t, p[0]), `{"text":"exactly once","device_id":"script","client_seq":1}`)
		require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, status)
	}
	status, _ = h.call(t, "POST", path, h.Token(t, p[0]), `{"text":"after"}`)
	require.Equal(t, http.StatusOK, status)
	bob.Hears(c, "after")
	require.Equal(t, []string{"by curl", "exactly once", "after"}, bob.texts(c))
	eventually(t, func() bool {
		_, history := h.call(t, "GET", path+"?limit=10", h.Token(t, p[1]), "")
		list, _ := history["messages"].([]any)
		return len(list) == 3
	})
	status, list := h.call(t, "GET", "/v1/conversations", h.Token(t, p[1]), "")
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, list["conversations"])

	for what, f := range map[string]struct {
		token, body string
		status      int
	}{
		"no token":   {"", `{"text":"x"}`, http.StatusUnauthorized},
		"bad token":  {"a.b.c", `{"text":"x"}`, http.StatusUnauthorized},
		"no JSON":    {h.Token(t, p[0]), `{"text":`, http.StatusBadRequest},
		"wrong type": {h.Token(t, p[0]), `{"text":7}`, http.StatusBadRequest},
		"empty":      {h.Token(t, p[0]), `{"text":""}`, http.StatusBadRequest},
		"bad UTF-8":  {h.Token(t, p[0]), "{\"text\":\"\xff\"}", http.StatusBadRequest},
		"too long":   {h.Token(t, p[0]), `{"text":"` + strings.Repeat("x", 16385) + `"}`, http.StatusBadRequest},
		"too large":  {h.Token(t, p[0]), `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
		"foreign":    {h.Token(t, p[2]), `{"text":"x"}`, http.StatusForbidden},
	} {
		status, problem := h.call(t, "POST", path, f.token, f.body)
		require.Equal(t, f.status, status, "%s: %v", what, problem)
		require.NotEmpty(t, problem["detail"], what)
	}
	status, _ = h.call(t, "GET", path, h.Token(t, p[2]), "")
	require.Equal(t, http.StatusNotFound, status, "a stranger reads nothing")
}

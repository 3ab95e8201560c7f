// The door of single requests: outcomes, refusals and limits, over real HTTP.

package gateways

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// said is the body of an answer to a command, or a problem.
type said struct {
	Type, Title, Detail, Code, Reason, Field, Conversation string
	Status                                                 int
	Seq, Number                                            uint64
	DeviceID                                               string `json:"device_id"`
	ClientSeq                                              uint64 `json:"client_seq"`
}

func (h *house) post(path, user, body string) (int, said) {
	h.t.Helper()
	status, header, text := h.call("POST", path, user, body)
	var out said
	require.NoError(h.t, json.Unmarshal([]byte(text), &out), text)
	if status >= 400 {
		require.Equal(h.t, "application/problem+json", header.Get("Content-Type"))
		require.Equal(h.t, status, out.Status)
		require.NotEmpty(h.t, out.Detail)
	}
	require.Equal(h.t, "no-store", header.Get("Cache-Control"))
	return status, out
}

func TestPostWaitsForItsNumber(t *testing.T) {
	h := newHouse(t, nil)
	bob := h.connect("bob", "laptop", nil)
	path := "/v1/conversations/" + direct + "/messages"
	status, first := h.post(path, "ann", `{"text":"by curl"}`)
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 1, first.Number)
	require.EqualValues(t, 2, first.Seq)
	require.Equal(t, direct, first.Conversation)
	status, second := h.post(path, "ann", `{"text":"again"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, first.DeviceID, second.DeviceID, "the gateway's own device")
	require.EqualValues(t, 2, second.ClientSeq)
	status, own := h.post(path, "ann", `{"text":"of a script","device_id":"script","client_seq":"7","reply_to":1}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "script", own.DeviceID)
	status, repeat := h.post(path, "ann", `{"text":"of a script","device_id":"script","client_seq":"7","reply_to":1}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, own, repeat, "a repeat gets the same answer")
	status, _ = h.post("/v1/commands", "ann", fmt.Sprintf(`{"send":{"conversation":%q,"text":{"text":"by the other door"}}}`, direct))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"by curl", "again", "of a script", "by the other door"}, bob.hears(4))

	status, _, text := h.call("GET", path+"?limit=2", "bob", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "by the other door")
	status, _, text = h.call("GET", "/v1/inbox?after=3", "bob", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "by the other door")
	require.NotContains(t, text, "of a script")
	status, _, text = h.call("GET", "/v1/conversations", "bob", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, direct)
	require.Eventually(t, func() bool { return h.gate.Connections() == 1 }, patience, 1e6, "requests leave nothing behind")
}

func TestPostsOfOnePersonTakeTurns(t *testing.T) {
	h := newHouse(t, nil)
	var posts sync.WaitGroup
	seqs := make([]uint64, 12)
	for i := range seqs {
		posts.Go(func() {
			_, out := h.post("/v1/conversations/"+direct+"/messages", "ann", `{"text":"x"}`)
			seqs[i] = out.ClientSeq
		})
	}
	posts.Wait()
	seen := map[uint64]bool{}
	for _, seq := range seqs {
		require.False(t, seen[seq], "%d was used twice", seq)
		seen[seq] = true
		require.LessOrEqual(t, seq, uint64(len(seqs)))
	}
}

func TestPostThatTakesLongerIsAccepted(t *testing.T) {
	h := newHouse(t, nil)
	h.set(func(m *memory) { m.idle = true })
	status, out := h.post("/v1/conversations/"+direct+"/messages", "ann", `{"text":"x","device_id":"d","client_seq":1}`)
	require.Equal(t, http.StatusAccepted, status)
	require.Zero(t, out.Number)
	require.EqualValues(t, 1, out.ClientSeq)
}

func TestProblems(t *testing.T) {
	h := newHouse(t, nil)
	path := "/v1/conversations/" + direct + "/messages"
	for what, c := range map[string]struct {
		path, user, body string
		status           int
		field            string
	}{
		"no token":               {path, "", `{"text":"x"}`, http.StatusUnauthorized, ""},
		"not JSON":               {path, "ann", `{"text":`, http.StatusBadRequest, ""},
		"something behind":       {path, "ann", `{"text":"x"} {}`, http.StatusBadRequest, ""},
		"unknown field":          {path, "ann", `{"text":"x","sender":"bob"}`, http.StatusBadRequest, ""},
		"bad UTF-8":              {path, "ann", "{\"text\":\"\xff\"}", http.StatusBadRequest, ""},
		"empty text":             {path, "ann", `{"text":""}`, http.StatusBadRequest, "send.text.text"},
		"long text":              {path, "ann", `{"text":"` + strings.Repeat("x", 16385) + `"}`, http.StatusBadRequest, "send.text.text"},
		"huge body":              {path, "ann", `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge, ""},
		"a device and no number": {path, "ann", `{"text":"x","device_id":"d"}`, http.StatusBadRequest, "client_seq"},
		"a negative number":      {path, "ann", `{"text":"x","device_id":"d","client_seq":-1}`, http.StatusBadRequest, "reply_to"},
		"a device with a path":   {path, "ann", `{"text":"x","device_id":"../d","client_seq":1}`, http.StatusBadRequest, "hello.device_id"},
		"a name that is none":    {"/v1/conversations/bob/ann/messages", "ann", `{"text":"x"}`, http.StatusBadRequest, "send.conversation"},
		"a stranger":             {path, "eve", `{"text":"x"}`, http.StatusForbidden, ""},
		"unknown word":           {"/v1/commands", "ann", `{"send":{"fly":{}}}`, http.StatusBadRequest, "send"},
		"operators in a string":  {"/v1/commands", "ann", `{"send":{"conversation":{"$ne":1}}}`, http.StatusBadRequest, "send"},
	} {
		t.Run(what, func(t *testing.T) {
			status, problem := h.post(c.path, c.user, c.body)
			require.Equal(t, c.status, status, problem)
			if status != http.StatusUnauthorized && problem.Field != "" || c.field != "" {
				require.Equal(t, c.field, problem.Field)
			}
		})
	}
	for path, want := range map[string]int{
		path + "?before=x": http.StatusBadRequest, path + "?token=abc": http.StatusBadRequest, path + "?limit=101": http.StatusBadRequest,
		"/v1/conversations/g-1/main/messages": http.StatusNotFound, "/v1/conversations/g-1/main/members": http.StatusNotFound, "/v1/nothing": http.StatusNotFound,
	} {
		status, header, _ := h.call("GET", path, "ann", "")
		require.Equal(t, want, status, path)
		require.Equal(t, "application/problem+json", header.Get("Content-Type"), path)
	}
	h.set(func(m *memory) { m.full = true })
	status, header, _ := h.call("POST", path, "ann", `{"text":"x"}`)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.NotEmpty(t, header.Get("Retry-After"))
}

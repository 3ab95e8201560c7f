// Requests over real HTTP: outcomes, refusals and devices.

package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/gateways/carriertest"
)

const direct = "ann/bob"

// served is a world with this carrier in front.
type served struct {
	*carriertest.World
	t   testing.TB
	url string
}

func serve(t testing.TB, w *carriertest.World) *served {
	mux := http.NewServeMux()
	Register(mux, Config{Door: w.Door, Verify: w.Verify})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &served{World: w, t: t, url: server.URL}
}

func newServed(t testing.TB) *served { return serve(t, carriertest.NewWorld(t)) }

// call makes a request; without a token if that is empty.
func (s *served) call(method, path, token, body string) (int, http.Header, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(answer.Body)
	require.NoError(s.t, err)
	return answer.StatusCode, answer.Header, out.String()
}

// get reads as a user.
func (s *served) get(path, user string) (int, http.Header, string) {
	s.t.Helper()
	return s.call("GET", path, s.Token(user), "")
}

// answered is the body of an answer to a command, or a problem.
type answered struct {
	Type, Title, Detail, Code, Reason, Field, Conversation string
	Status                                                 int
	Seq, Number                                            uint64
	DeviceID                                               string          `json:"device_id"`
	ClientSeq                                              uint64          `json:"client_seq"`
	Event                                                  json.RawMessage `json:"event"`
}

// post sends as a user; nobody if that is empty.
func (s *served) post(path, user, body string) (int, answered) {
	s.t.Helper()
	token := ""
	if user != "" {
		token = s.Token(user)
	}
	status, _, out := s.postWith(path, token, body)
	return status, out
}

func (s *served) postWith(path, token, body string) (int, http.Header, answered) {
	s.t.Helper()
	status, header, text := s.call("POST", path, token, body)
	var out answered
	require.NoError(s.t, json.Unmarshal([]byte(text), &out), text)
	if status >= 400 {
		require.Equal(s.t, "application/problem+json", header.Get("Content-Type"))
		require.Equal(s.t, status, out.Status)
		require.NotEmpty(s.t, out.Detail)
	}
	require.Equal(s.t, "no-store", header.Get("Cache-Control"))
	return status, header, out
}

func TestPostWaitsForItsNumber(t *testing.T) {
	s := newServed(t)
	bob := s.Listen("bob")
	path := "/v1/conversations/" + direct + "/messages"
	status, first := s.post(path, "ann", `{"text":"by curl"}`)
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 1, first.Number)
	require.EqualValues(t, 2, first.Seq)
	require.Equal(t, direct, first.Conversation)
	status, second := s.post(path, "ann", `{"text":"again"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, first.DeviceID, second.DeviceID, "the gateway's own device")
	require.EqualValues(t, 2, second.ClientSeq)
	status, own := s.post(path, "ann", `{"text":"of a script","device_id":"script","client_seq":"7","reply_to":1}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "script", own.DeviceID)
	status, repeat := s.post(path, "ann", `{"text":"of a script","device_id":"script","client_seq":"7","reply_to":1}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, own, repeat, "a repeat gets the same answer")
	status, _ = s.post("/v1/commands", "ann", fmt.Sprintf(`{"send":{"conversation":%q,"text":{"text":"by the other door"}}}`, direct))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"by curl", "again", "of a script", "by the other door"}, bob.Texts(4))

	status, _, text := s.get(path+"?limit=2", "bob")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "by the other door")
	status, _, text = s.get("/v1/inbox?after=3", "bob")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "by the other door")
	require.NotContains(t, text, "of a script")
	status, _, text = s.get("/v1/conversations", "bob")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, direct)
	require.Eventually(t, func() bool { return s.Door.Connections() == 1 }, carriertest.Patience, 1e6, "requests leave nothing behind")
}

func TestPostsOfOnePersonTakeTurns(t *testing.T) {
	s := newServed(t)
	var posts sync.WaitGroup
	seqs := make([]uint64, 12)
	for i := range seqs {
		posts.Go(func() {
			_, out := s.post("/v1/conversations/"+direct+"/messages", "ann", `{"text":"x"}`)
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
	s := newServed(t)
	s.Set(func(b *carriertest.Backend) { b.Idle = true })
	status, out := s.post("/v1/conversations/"+direct+"/messages", "ann", `{"text":"x","device_id":"d","client_seq":1}`)
	require.Equal(t, http.StatusAccepted, status)
	require.Zero(t, out.Number)
	require.EqualValues(t, 1, out.ClientSeq)
}

func TestProblems(t *testing.T) {
	s := newServed(t)
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
			status, problem := s.post(c.path, c.user, c.body)
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
		status, header, _ := s.get(path, "ann")
		require.Equal(t, want, status, path)
		require.Equal(t, "application/problem+json", header.Get("Content-Type"), path)
	}
	s.Set(func(b *carriertest.Backend) { b.Full = true })
	status, header, _ := s.call("POST", path, s.Token("ann"), `{"text":"x"}`)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.NotEmpty(t, header.Get("Retry-After"))
}

// Transcripts: whole conversations with a session, kept as files that read like a story. -update writes them anew.

package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/gateways/translate"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

// plainSealer seals so that a transcript can be read: the key's name and the text.
type plainSealer struct{}

func (plainSealer) Seal(text string) (*pb.Sealed, error) {
	return &pb.Sealed{KeyId: "k1", Nonce: make([]byte, 12), Ciphertext: []byte("sealed: " + text)}, nil
}

// plainOpener opens what plainSealer sealed; the key "gone" was destroyed.
type plainOpener struct{}

func (plainOpener) Open(s *pb.Sealed) (string, bool) {
	if s.GetKeyId() == "gone" {
		return "", false
	}
	return strings.TrimPrefix(string(s.GetCiphertext()), "sealed: "), true
}

// verifyPlain takes tokens of the form "user:expires".
func verifyPlain(token string, _ int64) (string, int64, error) {
	user, expires, ok := strings.Cut(token, ":")
	ms, err := strconv.ParseInt(expires, 10, 64)
	if !ok || err != nil {
		return "", 0, errors.New("not signed")
	}
	return user, ms, nil
}

// stage runs a transcript.
type stage struct {
	t       *testing.T
	session *Session
	now     int64
}

func compact(t *testing.T, m proto.Message) string {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, text))
	return out.String()
}

func parse(t *testing.T, name, text string) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("parley.v1." + name))
	require.NoError(t, err, name)
	m := kind.New().Interface()
	require.NoError(t, protojson.Unmarshal([]byte(text), m), text)
	return m
}

func (s *stage) input(line string) Input {
	verb, rest, _ := strings.Cut(line, " ")
	word := func() string {
		var w string
		w, rest, _ = strings.Cut(rest, " ")
		return w
	}
	id := func() uint64 {
		n, err := strconv.ParseUint(word(), 10, 64)
		require.NoError(s.t, err, line)
		return n
	}
	switch verb {
	case "say":
		frame, err := translate.JSON.Decode([]byte(rest))
		if err != nil {
			return Malformed{Code: pb.Code_CODE_INVALID, Detail: err.Error()}
		}
		return Received{Frame: frame, Seal: plainSealer{}}
	case "say-unsealed":
		frame, err := translate.JSON.Decode([]byte(rest))
		require.NoError(s.t, err)
		return Received{Frame: frame}
	case "throttle":
		frame, _ := translate.JSON.Decode([]byte(rest))
		return Throttled{Frame: frame, RetryAfterMS: 500, Detail: "too fast"}
	case "answer":
		n, name := id(), word()
		if name == "none" {
			return Answered{ID: n}
		}
		return Answered{ID: n, Answer: parse(s.t, name, rest), Open: plainOpener{}}
	case "ack":
		return Acked{ID: id()}
	case "fail":
		return Failed{ID: id(), Overloaded: rest == "overloaded", RetryAfterMS: 300}
	case "push":
		return Pushed{Key: s.session.User(), Inbox: []*pb.InboxEvent{parse(s.t, "InboxEvent", rest).(*pb.InboxEvent)}, Open: plainOpener{}}
	case "marks":
		return Pushed{Key: word(), Bookmark: parse(s.t, "BookmarkEvent", rest).(*pb.BookmarkEvent)}
	case "account":
		return Pushed{Key: word(), Account: parse(s.t, "AccountEvent", rest).(*pb.AccountEvent)}
	case "whisper":
		return Whispered{Frame: parse(s.t, "ServerFrame", rest).(*pb.ServerFrame)}
	case "subscribed":
		return Subscribed{Subscription{word(), rest}}
	case "head":
		return HeadPolled{Head: parse(s.t, "Cursor", rest).(*pb.Cursor)}
	case "tick":
		return Tick{}
	case "drain":
		return Drain{ReconnectAfterMS: 1234}
	case "gone":
		return Disconnected{}
	}
	s.t.Fatalf("no such verb: %s", line)
	return nil
}

func (s *stage) print(out *strings.Builder, ready Ready) {
	for _, f := range ready.Frames {
		fmt.Fprintf(out, "< %s\n", compact(s.t, f))
	}
	for _, c := range ready.Produce {
		fmt.Fprintf(out, "produce #%d %s %s %s\n", c.ID, c.Topic, c.Key, strings.ReplaceAll(compact(s.t, c.Message), `"nonce":"AAAAAAAAAAAAAAAA",`, ""))
	}
	for _, sub := range ready.Subscribe {
		fmt.Fprintf(out, "subscribe %s %s\n", sub.Topic, sub.Key)
	}
	for _, sub := range ready.Unsubscribe {
		fmt.Fprintf(out, "unsubscribe %s %s\n", sub.Topic, sub.Key)
	}
	for _, a := range ready.Ask {
		fmt.Fprintf(out, "ask #%d %s %s", a.ID, proto.MessageName(a.Query).Name(), compact(s.t, a.Query))
		if a.WhenDrained {
			out.WriteString(" when drained")
		}
		out.WriteString("\n")
	}
	for _, w := range ready.Whisper {
		frame := new(pb.ServerFrame)
		require.NoError(s.t, frame.UnmarshalVT(w.Frame))
		fmt.Fprintf(out, "whisper %s %s\n", w.User, compact(s.t, frame))
	}
	if ready.Close != nil {
		fmt.Fprintf(out, "close %d %q\n", ready.Close.Reason, ready.Close.Detail)
	}
	fmt.Fprintf(out, "due %d\n", ready.DeadlineMS)
}

// block runs the inputs of a block and prints what came of them.
func (s *stage) block(inputs []string) string {
	var out strings.Builder
	for _, line := range inputs {
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "#":
		case "new":
			s.now = 1000
			s.session = New(Config{ID: "s1", Verify: verifyPlain, Quiet: strings.Contains(rest, "quiet"), FromHead: strings.Contains(rest, "head")}, s.now)
		case "at":
			at, err := strconv.ParseInt(rest, 10, 64)
			require.NoError(s.t, err)
			s.now = at
		default:
			s.print(&out, s.session.Step(s.now, s.input(line)))
		}
	}
	return out.String()
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s := &stage{t: t}
			var now strings.Builder
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				inputs, _, _ := strings.Cut(block, "----")
				inputs = strings.TrimSpace(inputs)
				fmt.Fprintf(&now, "%s\n----\n%s\n", inputs, s.block(strings.Split(inputs, "\n")))
			}
			golden.Assert(t, now.String(), filepath.Base(file))
		})
	}
}

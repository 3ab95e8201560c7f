// Transcripts: each file of testdata is a story. A line that begins with ">" is a command to the house; under it stands
// every record that the house wrote because of it. go test ./test/walk -update writes what stands under the commands.

package walk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/processors"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
	"github.com/parley-im/parley/test/walk"
	"github.com/parley-im/parley/topology"
)

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			golden.Assert(t, tell(t, string(want)), filepath.Base(file))
		})
	}
}

// tell keeps the commands and remarks of a story and writes anew what follows from them.
func tell(t *testing.T, story string) string {
	s := &stage{t: t, house: walk.New(topology.House()), devices: map[string]*walk.Device{}}
	s.print = transcript.Printer{BeginMs: walk.Begin.UnixMilli(), Brief: true, Hide: []string{
		"ConversationRequest.conversation", "InboxEvent.epoch", "InboxEvent.time_ms", "InboxRow.epoch", "OutboxRow.rate_at_ms",
		"DeadLetter.key", "DeadLetter.value", "DeadLetter.time_ms",
	}}
	var out strings.Builder
	for line := range strings.Lines(story) {
		switch {
		case strings.HasPrefix(line, ">"):
			out.WriteString(line)
			s.told = len(s.house.Log())
			s.command(strings.TrimSpace(line[1:]))
			s.house.Run()
			out.WriteString(s.happened())
		case strings.HasPrefix(line, "    "): // what followed before
		default:
			out.WriteString(line)
		}
	}
	return out.String()
}

// stage is the house with its people while a story is told.
type stage struct {
	t       *testing.T
	house   *walk.House
	devices map[string]*walk.Device
	last    topology.Record // the last command sent
	told    int             // records told already
	print   transcript.Printer
}

// happened words the records written since the last command, the command itself left out. A row shows its state.
func (s *stage) happened() string {
	var out strings.Builder
	for _, r := range s.house.Log()[s.told:] {
		message, err := processors.Decode(r.Topic, r.Value)
		word := "undecodable"
		if err == nil {
			word = s.print.Line(message)
		}
		topic := r.Topic
		if row, ok := message.(*pb.Row); ok {
			topic = strings.TrimSuffix(strings.TrimPrefix(r.Topic, "parley."), "-table") + " row"
			word = s.print.Line(&pb.Row{State: row.State})
			if row.State == nil {
				word = "absent"
			}
		}
		fmt.Fprintf(&out, "    %-22s %-10s %s\n", topic, r.Key, word)
	}
	return out.String()
}

var token = regexp.MustCompile(`"[^"]*"|\S+`)

// command parses "who: verb arguments"; see testdata for what there is to say.
func (s *stage) command(line string) {
	var words []string
	for _, w := range token.FindAllString(line, -1) {
		words = append(words, strings.Trim(w, `"`))
	}
	if who, ok := strings.CutSuffix(words[0], ":"); ok {
		s.person(who, words[1], words[2:])
		return
	}
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		require.NoError(s.t, err)
		s.house.Wait(d)
	case "repeat":
		s.house.Repeat(s.last)
	case "repeat-all": // every record between groups once more, as a producer does that lost its acks
		for _, r := range s.house.Log() {
			if r.Get(topology.HeaderCause) != nil {
				s.house.Repeat(r)
			}
		}
	case "rewind":
		for p := range topology.House().Partitions {
			s.house.Rewind(words[1], p, 0)
		}
	case "bytes": // bytes TOPIC KEY VALUE, the value as Go quotes it
		value, err := strconv.Unquote(`"` + words[3] + `"`)
		require.NoError(s.t, err)
		s.house.SendBytes(words[1], words[2], []byte(value))
	case "stray-cause": // a cause from a group that does not write the topic
		cause := topology.Cause{Epoch: 1, Group: 3}
		s.house.SendBytes(s.last.Topic, s.last.Key, s.last.Value, topology.Header{Key: topology.HeaderCause, Value: cause.Pack()})
	case "activate":
		rules, err := strconv.ParseUint(words[3], 10, 32)
		require.NoError(s.t, err)
		s.house.Activate(words[1], topology.PartitionOf(words[2], topology.House().Partitions), uint32(rules))
	default:
		s.t.Fatalf("the story says %q, which no stage knows", line)
	}
}

// person lets a device, a person's gateway or a moderator speak.
func (s *stage) person(who, verb string, args []string) {
	user, id, _ := strings.Cut(who, "/")
	id, number, numbered := strings.Cut(id, "#")
	key := user + "/" + id
	if s.devices[key] == nil {
		s.devices[key] = s.house.Device(user, id)
	}
	d := s.devices[key]
	if numbered {
		n, err := strconv.ParseUint(number, 10, 64)
		require.NoError(s.t, err)
		d.Seq = n - 1
	}
	switch {
	case verb == "seen":
		s.last = d.Seen(conversation(user, args[0]), number64(s.t, args[1]), number64(s.t, args[2]))
	case verb == "present":
		until := int64(0)
		if lease, err := time.ParseDuration(args[1]); err == nil {
			until = s.house.Now().Add(lease).UnixMilli()
		}
		s.last = s.house.Send("account.commands", user, &pb.AccountCommand{Word: &pb.AccountCommand_SetPresence{
			SetPresence: &pb.SetPresence{SessionId: args[0], UntilMs: until},
		}})
	case verb == "standing":
		s.last = s.house.Send("account.commands", args[0], &pb.AccountCommand{Word: &pb.AccountCommand_SetStanding{
			SetStanding: &pb.SetAccountStanding{Standing: pb.Standing(pb.Standing_value["STANDING_"+args[1]])},
		}})
	case slices.Contains([]string{"create-account", "change-profile", "block", "unblock"}, verb):
		s.last = d.AskAccount(accountRequest(d, verb, args))
	default:
		s.last = d.Ask(conversation(user, args[0]), conversationRequest(s.t, d, verb, args))
	}
}

// conversation is where a person means to speak: @bob is the direct conversation with Bob, anything else a group.
func conversation(user, where string) string {
	if peer, ok := strings.CutPrefix(where, "@"); ok {
		return name.Direct(user, peer)
	}
	if key, ok := strings.CutPrefix(where, "key:"); ok { // any key, also a forged one
		return key
	}
	if a, b, ok := strings.Cut(where, "+"); ok { // ann+bob is the conversation of two others
		return name.Direct(a, b)
	}
	return name.Group(where)
}

func accountRequest(d *walk.Device, verb string, args []string) *pb.AccountRequest {
	switch verb {
	case "create-account":
		return &pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{DisplayName: walk.Seal(d.User, args[0])}}}
	case "change-profile":
		return &pb.AccountRequest{Word: &pb.AccountRequest_ChangeProfile{ChangeProfile: &pb.ChangeProfile{DisplayName: walk.Seal(d.User, args[0])}}}
	case "block":
		return &pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: args[0]}}}
	}
	return &pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: args[0]}}}
}

func conversationRequest(t *testing.T, d *walk.Device, verb string, args []string) *pb.ConversationRequest {
	r := &pb.ConversationRequest{}
	switch verb {
	case "open":
		r.Word = &pb.ConversationRequest_OpenDirect{OpenDirect: &pb.OpenDirect{Peer: strings.TrimPrefix(args[0], "@")}}
	case "create-group":
		r.Word = &pb.ConversationRequest_CreateGroup{CreateGroup: &pb.CreateGroup{Title: walk.Seal(d.User, args[1]), Members: args[2:]}}
	case "say":
		r.Word = &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: walk.Seal(d.User, args[1])}}
	case "reply":
		r.Word = &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: walk.Seal(d.User, args[2]), ReplyTo: number64(t, args[1])}}
	case "add":
		r.Word = &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: args[1]}}
	case "invite":
		r.Word = &pb.ConversationRequest_InviteMember{InviteMember: &pb.InviteMember{User: args[1]}}
	case "accept":
		r.Word = &pb.ConversationRequest_AcceptInvitation{AcceptInvitation: &pb.AcceptInvitation{}}
	case "decline":
		r.Word = &pb.ConversationRequest_DeclineInvitation{DeclineInvitation: &pb.DeclineInvitation{}}
	case "remove":
		r.Word = &pb.ConversationRequest_RemoveMember{RemoveMember: &pb.RemoveMember{User: args[1]}}
	case "leave":
		r.Word = &pb.ConversationRequest_LeaveConversation{LeaveConversation: &pb.LeaveConversation{}}
	case "rename":
		r.Word = &pb.ConversationRequest_RenameConversation{RenameConversation: &pb.RenameConversation{Title: walk.Seal(d.User, args[1])}}
	case "role":
		r.Word = &pb.ConversationRequest_ChangeRole{ChangeRole: &pb.ChangeRole{User: args[1], Role: pb.Role(pb.Role_value["ROLE_"+args[2]])}}
	default:
		t.Fatalf("the story says %q, which nobody can ask of a conversation", verb)
	}
	return r
}

func number64(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

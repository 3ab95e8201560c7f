// What an account says to each word, and its limits.

package account

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

var origin = &pb.Origin{User: "ann", DeviceId: "phone", ClientSeq: 3}

func request(r *pb.AccountRequest) *pb.AccountCommand {
	return &pb.AccountCommand{Origin: origin, Word: &pb.AccountCommand_Request{Request: r}}
}

func create() *pb.AccountCommand {
	return request(&pb.AccountRequest{Word: &pb.AccountRequest_CreateAccount{CreateAccount: &pb.CreateAccount{}}})
}

func change() *pb.AccountCommand {
	return request(&pb.AccountRequest{Word: &pb.AccountRequest_ChangeProfile{ChangeProfile: &pb.ChangeProfile{}}})
}

func block(user string) *pb.AccountCommand {
	return request(&pb.AccountRequest{Word: &pb.AccountRequest_BlockPerson{BlockPerson: &pb.BlockPerson{User: user}}})
}

func unblock(user string) *pb.AccountCommand {
	return request(&pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{UnblockPerson: &pb.UnblockPerson{User: user}}})
}

func joinAsked(conversation, by string) *pb.AccountCommand {
	return &pb.AccountCommand{Word: &pb.AccountCommand_AskJoin{AskJoin: &pb.AskJoin{Conversation: conversation, By: by}}}
}

func moderated(s pb.Standing) *pb.AccountCommand {
	return &pb.AccountCommand{Word: &pb.AccountCommand_SetStanding{SetStanding: &pb.SetAccountStanding{Standing: s}}}
}

func present(session string, until int64) *pb.AccountCommand {
	return &pb.AccountCommand{Word: &pb.AccountCommand_SetPresence{SetPresence: &pb.SetPresence{SessionId: session, UntilMs: until}}}
}

// words are the outputs as lines; what the inbox is told is named only.
func words(d decision) (lines []string) {
	for _, o := range d.Outputs {
		lines = append(lines, o.Key+" "+transcript.Printer{Brief: true, Hide: []string{"AccountEvent.time_ms"}}.Line(o.Message))
	}
	return lines
}

func fold(row *pb.AccountRow, in *pb.AccountCommand, at int64) (*pb.AccountRow, decision) {
	d := Decide(row, in, machine.Stamp{Key: "ann", TimeMs: at})
	for _, e := range d.Events {
		row = Machine.Apply(row, e)
	}
	return row, d
}

func TestDecide(t *testing.T) {
	ann := &pb.AccountRow{Exists: true, Version: 1, Blocked: []string{"eve"}}
	gone, full := ann.CloneVT(), ann.CloneVT()
	gone.Standing = pb.Standing_STANDING_SUSPENDED
	for i := range MaxBlocked {
		full.Blocked = append(full.Blocked, fmt.Sprintf("f%02d", i))
	}
	full.Blocked = full.Blocked[1:]
	refused := func(reason string) []string {
		return []string{"ann CommandRefused{origin ann/phone#3, reason " + reason + "}"}
	}
	for _, c := range []struct {
		name string
		row  *pb.AccountRow
		in   *pb.AccountCommand
		want []string
	}{
		{"create", nil, create(), []string{
			"ann AccountCreated{} (version 1, origin ann/phone#3)", "ann own account said AccountCreated (version 1)"}},
		{"create twice", ann, create(), refused("ALREADY_EXISTS")},
		{"change", ann, change(), []string{
			"ann ProfileChanged{} (version 2, origin ann/phone#3)", "ann own account said ProfileChanged (version 2)"}},
		{"change what is not there", nil, change(), refused("NOT_FOUND")},
		{"block", ann, block("bob"), []string{
			"ann PersonBlocked{user bob} (version 2, origin ann/phone#3)", "ann own account said PersonBlocked (version 2)",
			"ann/bob SetBlock{user ann, blocked true}"}},
		{"block twice", ann, block("eve"), refused("ALREADY_EXISTS")},
		{"block oneself", ann, block("ann"), refused("INVALID")},
		{"block a group", ann, block("g-hike"), refused("INVALID")},
		{"block without an account", nil, block("bob"), refused("NOT_FOUND")},
		{"block one too many", full, block("bob"), refused("LIMIT_REACHED")},
		{"unblock", ann, unblock("eve"), []string{
			"ann PersonUnblocked{user eve} (version 2, origin ann/phone#3)", "ann own account said PersonUnblocked (version 2)",
			"eve/ann SetBlock{user ann}"}},
		{"unblock who is not blocked", ann, unblock("bob"), refused("NOT_FOUND")},
		{"a word that this binary does not know", ann, request(&pb.AccountRequest{}), refused("INVALID")},

		{"may bob add her?", ann, joinAsked("g-hike/main", "bob"), []string{"g-hike/main AnswerJoin{user ann, allowed true}"}},
		{"may eve, whom she blocks?", ann, joinAsked("g-hike/main", "eve"), []string{"g-hike/main AnswerJoin{user ann}"}},
		{"when she is suspended?", gone, joinAsked("g-hike/main", "bob"), []string{"g-hike/main AnswerJoin{user ann}"}},
		{"when she is not there?", nil, joinAsked("g-hike/main", "bob"), []string{"g-hike/main AnswerJoin{user ann}"}},

		{"suspend", ann, moderated(pb.Standing_STANDING_SUSPENDED), []string{
			"ann StandingChanged{standing SUSPENDED} (version 2)", "ann own account said StandingChanged (version 2)",
			"ann SetStanding{standing SUSPENDED}"}},
		{"suspend twice", gone, moderated(pb.Standing_STANDING_SUSPENDED), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := Decide(c.row, c.in, machine.Stamp{Key: "ann", TimeMs: 9})
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Empty(t, d.Malformed)
			require.Equal(t, c.want, words(d))
		})
	}
}

func TestMalformed(t *testing.T) {
	for name, in := range map[string]*pb.AccountCommand{
		"somebody else's request":     {Origin: &pb.Origin{User: "bob", DeviceId: "d", ClientSeq: 1}, Word: create().Word},
		"nobody's request":            {Word: create().Word},
		"no session":                  present("", 1),
		"a session of 65 bytes":       present(string(make([]byte, MaxSession+1)), 1),
		"a session that is no text":   present("\xff", 1),
		"an unknown standing":         moderated(7),
		"a conversation that is none": joinAsked("hike", "bob"),
		"no word":                     {},
	} {
		d := Decide(nil, in, machine.Stamp{Key: "ann"})
		require.NotEmpty(t, d.Malformed, name)
		require.Empty(t, d.Events, name)
	}
	require.NotEmpty(t, Decide(nil, create(), machine.Stamp{Key: "g-ann"}).Malformed)
}

func TestBlocksStaySorted(t *testing.T) {
	row := &pb.AccountRow{Exists: true}
	for _, user := range []string{"m", "a", "z", "b", "y"} {
		row, _ = fold(row, block(user), 0)
	}
	row, _ = fold(row, unblock("m"), 0)
	require.Equal(t, []string{"a", "b", "y", "z"}, row.Blocked)
	require.EqualValues(t, 6, row.Version)
}

// At most 16 leases, sorted; the one that ends first gives its place; what has ended is pruned; a lease ends within the hour.
func TestLeases(t *testing.T) {
	var row *pb.AccountRow
	var d decision
	for i := range MaxLeases {
		row, d = fold(row, present(fmt.Sprintf("s%02d", (i*5)%MaxLeases), 1000+int64(i)), 1)
		require.Contains(t, words(d)[0], "PresenceChanged", "each lease ends later than the one before")
	}
	row, d = fold(row, present("t", 1500), 1)
	require.Contains(t, words(d)[0], "PresenceChanged{until 1500, last_seen 1}")
	require.Len(t, row.Leases, MaxLeases)
	require.IsIncreasing(t, sessions(row))
	require.NotContains(t, sessions(row), "s00", "it ended first")

	row, d = fold(row, present("s05", 1400), 1002)
	require.Empty(t, words(d), "the latest end is the same")
	require.NotContains(t, sessions(row), "s10", "it has ended")

	row, d = fold(row, present("t", 0), 1405)
	require.Equal(t, []string{"ann PresenceChanged{last_seen 1405} (version 18)"}, words(d))
	require.Empty(t, row.Leases)

	row, d = fold(row, present("t", 1<<60), 2000)
	require.Equal(t, []string{fmt.Sprintf("ann PresenceChanged{until %d, last_seen 2000} (version 19)", 2000+LeaseMaxMs)}, words(d))
	row, d = fold(row, present("u", 1), 2000+2*LeaseMaxMs)
	require.Equal(t, []string{fmt.Sprintf("ann PresenceChanged{last_seen %d} (version 20)", 2000+LeaseMaxMs)}, words(d))
	require.False(t, row.Exists, "presence makes no account")
}

func sessions(row *pb.AccountRow) (ids []string) {
	for _, l := range row.Leases {
		ids = append(ids, l.SessionId)
	}
	return ids
}

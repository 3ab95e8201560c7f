// What an outbox says to each number, its rate and its devices.

package outbox

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/transcript"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/schemas/name"
)

const (
	begin = 1_700_000_000_000 // milliseconds since 1970
	rate  = 50                // commands a second
	burst = 200               // commands at once
)

func seal(n int) *pb.Sealed {
	return &pb.Sealed{KeyId: "key", Nonce: make([]byte, MaxNonce), Ciphertext: make([]byte, n)}
}

func say(device string, seq uint64, conversation string) *pb.OutboxCommand {
	return &pb.OutboxCommand{DeviceId: device, ClientSeq: seq, Word: &pb.OutboxCommand_Conversation{
		Conversation: &pb.ConversationRequest{Conversation: conversation, Word: &pb.ConversationRequest_SendMessage{
			SendMessage: &pb.SendMessage{Body: seal(16)},
		}},
	}}
}

func account(seq uint64, word *pb.AccountRequest) *pb.OutboxCommand {
	return &pb.OutboxCommand{DeviceId: "phone", ClientSeq: seq, Word: &pb.OutboxCommand_Account{Account: word}}
}

// words are the outputs as lines.
func words(d decision) []string {
	var lines []string
	for _, o := range d.Outputs {
		lines = append(lines, o.Key+" "+transcript.Printer{}.Line(o.Message))
	}
	return lines
}

// fold decides and applies, as the hall does.
func fold(row *pb.OutboxRow, in *pb.OutboxCommand, stamp machine.Stamp) (*pb.OutboxRow, decision) {
	d := Decide(row, in, stamp)
	for _, e := range d.Events {
		row = Machine.Apply(row, e)
	}
	return row, d
}

func TestDecide(t *testing.T) {
	chat := name.Direct("ann", "bob")
	row := &pb.OutboxRow{
		Devices:         []*pb.OutboxDevice{{DeviceId: "phone", ClientSeq: 7, UsedAtMs: begin}},
		RateMillitokens: burst * milli, RateAtMs: begin,
	}
	suspended, poor := row.CloneVT(), row.CloneVT()
	suspended.Standing = pb.Standing_STANDING_SUSPENDED
	poor.RateMillitokens = milli - 1
	huge := say("phone", 8, chat)
	huge.GetConversation().GetSendMessage().Body = seal(MaxBody + 1)
	noWord := say("phone", 8, chat)
	noWord.GetConversation().Word = nil
	bodiless := say("phone", 8, chat)
	bodiless.GetConversation().GetSendMessage().Body = nil

	passed := []string{chat + ` SendMessage{body ""} (conversation ` + chat + `) (origin ann/phone#8)`}
	refused := func(reason string) []string {
		return []string{"ann CommandRefused{origin ann/phone#8, conversation " + chat + ", reason " + reason + "}"}
	}
	for _, c := range []struct {
		name string
		row  *pb.OutboxRow
		in   *pb.OutboxCommand
		key  string
		want []string
		took bool // the number is consumed
	}{
		{"the next one is passed on", row, say("phone", 8, chat), "ann", passed, true},
		{"the same one is a repeat", row, say("phone", 7, chat), "ann", nil, false},
		{"an older one is a repeat", row, say("phone", 1, chat), "ann", nil, false},
		{"one too high", row, say("phone", 9, chat), "ann",
			[]string{"ann CommandRefused{origin ann/phone#9, conversation " + chat + ", reason EXPECTED_OTHER_CLIENT_SEQ, expected_client_seq 8}"}, false},
		{"a new device begins with 1", row, say("tv", 2, chat), "ann",
			[]string{"ann CommandRefused{origin ann/tv#2, conversation " + chat + ", reason EXPECTED_OTHER_CLIENT_SEQ, expected_client_seq 1}"}, false},
		{"a person never met", nil, say("phone", 1, chat), "ann",
			[]string{chat + ` SendMessage{body ""} (conversation ` + chat + `) (origin ann/phone#1)`}, true},
		{"suspended", suspended, say("phone", 8, chat), "ann", refused("SUSPENDED"), true},
		{"over the rate", poor, say("phone", 8, chat), "ann", refused("RATE_LIMITED"), true},
		{"a body that is too large", row, huge, "ann", refused("INVALID"), true},
		{"no body", row, bodiless, "ann", refused("INVALID"), true},
		{"a word that this binary does not know", row, noWord, "ann", refused("INVALID"), true},
		{"a forged name is not repeated", row, say("phone", 8, "bob/carl/ann"), "ann",
			[]string{"ann CommandRefused{origin ann/phone#8, reason INVALID}"}, true},
		{"an account's request", row, account(8, &pb.AccountRequest{Word: &pb.AccountRequest_UnblockPerson{
			UnblockPerson: &pb.UnblockPerson{User: "bob"}}}), "ann", []string{"ann UnblockPerson{user bob} (origin ann/phone#8)"}, true},
		{"a display name that is too long", row, account(8, &pb.AccountRequest{Word: &pb.AccountRequest_ChangeProfile{
			ChangeProfile: &pb.ChangeProfile{DisplayName: seal(MaxLine + 1)}}}), "ann",
			[]string{"ann CommandRefused{origin ann/phone#8, reason INVALID}"}, true},
		{"an account's word that this binary does not know", row, account(8, &pb.AccountRequest{}), "ann",
			[]string{"ann CommandRefused{origin ann/phone#8, reason INVALID}"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.row.CloneVT()
			d := Decide(c.row, c.in, machine.Stamp{Key: c.key, TimeMs: begin, Rate: rate, Burst: burst})
			require.True(t, before.EqualVT(c.row), "Decide changed the row")
			require.Empty(t, d.Malformed)
			require.Equal(t, c.want, words(d))
			require.Equal(t, c.want == nil, d.Repeat)
			require.Equal(t, c.took, len(d.Events) == 1)
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, key string
		in        *pb.OutboxCommand
	}{
		{"a group is no person", "g-hike", say("phone", 1, "ann/bob")},
		{"a key with a slash", "ann/bob", say("phone", 1, "ann/bob")},
		{"no device", "ann", say("", 1, "ann/bob")},
		{"a device with a slash", "ann", say("pho/ne", 1, "ann/bob")},
		{"no number", "ann", say("phone", 0, "ann/bob")},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(nil, c.in, machine.Stamp{Key: c.key, TimeMs: begin, Rate: rate, Burst: burst})
			require.NotEmpty(t, d.Malformed)
			require.Empty(t, d.Events)
			require.Empty(t, d.Outputs)
		})
	}
}

// The bucket holds a burst and fills at the sustained rate; a refusal consumes the number, so that the client goes on.
func TestRate(t *testing.T) {
	var row *pb.OutboxRow
	var d decision
	seq := uint64(0)
	next := func(at int64) string {
		seq++
		row, d = fold(row, say("phone", seq, "ann/bob"), machine.Stamp{Key: "ann", TimeMs: at, Rate: rate, Burst: burst})
		return words(d)[0]
	}
	for range burst {
		require.NotContains(t, next(begin), "RATE_LIMITED")
	}
	require.Contains(t, next(begin), "RATE_LIMITED")
	require.EqualValues(t, burst+1, row.Devices[0].ClientSeq)
	const one = 1000 / rate // milliseconds until there is one more
	require.Contains(t, next(begin+one-1), "RATE_LIMITED")
	require.NotContains(t, next(begin+one), "RATE_LIMITED")
	require.Contains(t, next(begin+one), "RATE_LIMITED")

	later := int64(begin + 365*24*60*60*1000) // whatever the time, never more than a burst
	for range burst {
		require.NotContains(t, next(later), "RATE_LIMITED")
	}
	require.Contains(t, next(later), "RATE_LIMITED")
}

// 32 devices, sorted; another one takes the place of the longest unused one once that is idle for a day, and not before.
func TestDevices(t *testing.T) {
	var row *pb.OutboxRow
	for i := range MaxDevices {
		id := fmt.Sprintf("device-%02d", (i*7)%MaxDevices)
		row, _ = fold(row, say(id, 1, "ann/bob"), machine.Stamp{Key: "ann", TimeMs: begin + int64(i), Rate: rate, Burst: burst})
	}
	require.Len(t, row.Devices, MaxDevices)
	require.IsIncreasing(t, ids(row))

	full, d := fold(row, say("one-more", 1, "ann/bob"), machine.Stamp{Key: "ann", TimeMs: begin + DeviceIdleMs, Rate: rate, Burst: burst})
	require.Contains(t, words(d)[0], "TOO_MANY_DEVICES")
	require.Empty(t, d.Events, "a number that cannot be remembered must not be consumed")

	full, d = fold(full, say("device-07", 2, "ann/bob"), machine.Stamp{Key: "ann", TimeMs: begin + DeviceIdleMs, Rate: rate, Burst: burst})
	require.Contains(t, words(d)[0], "SendMessage")
	full, d = fold(full, say("one-more", 1, "ann/bob"), machine.Stamp{Key: "ann", TimeMs: begin + DeviceIdleMs + 1, Rate: rate, Burst: burst})
	require.Contains(t, words(d)[0], "SendMessage")
	require.Len(t, full.Devices, MaxDevices)
	require.IsIncreasing(t, ids(full))
	require.Contains(t, ids(full), "one-more")
	require.NotContains(t, ids(full), "device-00", "the first one was unused for the longest time")
}

func ids(row *pb.OutboxRow) (ids []string) {
	for _, d := range row.Devices {
		ids = append(ids, d.DeviceId)
	}
	return ids
}

// Apply begins with a copy of the row that lacks nothing, whatever a schema or a newer binary adds.
func TestACopyHasEverything(t *testing.T) {
	row := &pb.OutboxRow{
		Devices:         []*pb.OutboxDevice{{DeviceId: "phone", ClientSeq: 7, UsedAtMs: begin}},
		RateMillitokens: burst, RateAtMs: begin, Standing: pb.Standing_STANDING_SUSPENDED,
	}
	row.ProtoReflect().SetUnknown([]byte{0x98, 6, 1})
	fields := row.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		require.True(t, row.ProtoReflect().Has(fields.Get(i)), "give the row of this test a %s", fields.Get(i).Name())
	}
	require.True(t, copied(row).EqualVT(row))
	require.True(t, copied(nil).EqualVT(&pb.OutboxRow{}))
}

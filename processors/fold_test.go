// The order in which every record is taken: dead letters, take or drop, the clock, rules, sizes.

package processors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/parley-im/parley/processors/inbox"
	"github.com/parley-im/parley/processors/machine"
	"github.com/parley-im/parley/processors/outbox"
	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
	"github.com/parley-im/parley/topology"
)

const begin = 1_700_000_000_000 // milliseconds since 1970

var house = topology.House()

func hall(t testing.TB, group string) *bound {
	g, ok := house.Group(group)
	require.True(t, ok)
	return bind(house, g)
}

// input is a record of a group's input at an offset, a second after the one before.
func input(m *bound, offset int64, key string, word encodable) *topology.Record {
	var value []byte
	if word != nil {
		value = encode(word)
	}
	return &topology.Record{
		Topic: m.group.Input, Offset: offset, Key: key, Value: value, Time: time.UnixMilli(begin + 1000*offset),
	}
}

// caused adds a cause to a record.
func caused(in *topology.Record, c topology.Cause) *topology.Record {
	in.Headers = append(in.Headers, topology.Header{Key: topology.HeaderCause, Value: c.Pack()})
	return in
}

func rowOf(t testing.TB, value []byte) *pb.Row {
	require.NotNil(t, value)
	row := &pb.Row{}
	require.NoError(t, row.UnmarshalVT(value))
	return row
}

func say(user string, body int) *pb.ConversationCommand {
	return &pb.ConversationCommand{
		Origin: &pb.Origin{User: user, DeviceId: "phone", ClientSeq: 1},
		Word: &pb.ConversationCommand_Request{Request: &pb.ConversationRequest{
			Word: &pb.ConversationRequest_SendMessage{SendMessage: &pb.SendMessage{Body: &pb.Sealed{Ciphertext: make([]byte, body)}}},
		}},
	}
}

func refusal(reason pb.Reason) *pb.InboxCommand {
	return &pb.InboxCommand{Word: &pb.InboxCommand_Refused{Refused: &pb.CommandRefused{Reason: reason}}}
}

// Every way in which a record cannot be taken: a dead letter, the row written with through behind it and its state kept.
func TestDeadLetters(t *testing.T) {
	inbox := hall(t, "inbox")
	word := refusal(1)
	had, _ := inbox.fold(1, nil, input(inbox, 0, "ann", word))
	at := func(change func(*topology.Record)) *topology.Record {
		in := input(inbox, 5, "ann", word)
		change(in)
		return in
	}
	cause := topology.Cause{Epoch: house.Epoch, Group: 2, Partition: 3, Offset: 4}
	with := func(change func(*topology.Cause)) *topology.Record {
		c := cause
		change(&c)
		return caused(input(inbox, 5, "ann", word), c)
	}
	for _, c := range []struct {
		name    string
		in      *topology.Record
		failing pb.Failing
	}{
		{"no key", at(func(r *topology.Record) { r.Key = "" }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a key that is too long", at(func(r *topology.Record) { r.Key = strings.Repeat("a", topology.MaxKey+1) }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a key that is no text", at(func(r *topology.Record) { r.Key = "\xff" }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"no value", at(func(r *topology.Record) { r.Value = nil }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"an empty value", at(func(r *topology.Record) { r.Value = []byte{} }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"no message", at(func(r *topology.Record) { r.Value = []byte{0x52, 0xff} }), pb.Failing_FAILING_UNDECODABLE},
		{"no word", at(func(r *topology.Record) { r.Value = []byte{0x9a, 6, 0} }), pb.Failing_FAILING_UNKNOWN_WORD},
		{"rules under a person's key", at(func(r *topology.Record) {
			r.Value = encode(&pb.InboxCommand{Word: &pb.InboxCommand_ActivateRules{ActivateRules: &pb.ActivateRules{Rules: 2}}})
		}), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a key of another kind", at(func(r *topology.Record) { r.Key = "ann/bob" }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause of 3 bytes", at(func(r *topology.Record) {
			r.Headers = []topology.Header{{Key: topology.HeaderCause, Value: []byte{1, 2, 3}}}
		}), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause of another epoch", with(func(c *topology.Cause) { c.Epoch++ }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause of a group that does not write this", with(func(c *topology.Cause) { c.Group = 3 }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause of no partition", with(func(c *topology.Cause) { c.Partition = house.Partitions }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause below all partitions", with(func(c *topology.Cause) { c.Partition = -1 }), pb.Failing_FAILING_MALFORMED_RECORD},
		{"a cause of no offset", with(func(c *topology.Cause) { c.Offset = -1 }), pb.Failing_FAILING_MALFORMED_RECORD},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := had
			if c.in.Key != "ann" {
				before = nil
			}
			next, out := inbox.fold(1, before, c.in)
			row := rowOf(t, next)
			require.EqualValues(t, 6, row.Through)
			require.EqualValues(t, begin+5000, row.TimeMs)
			if before != nil {
				require.EqualValues(t, 1, row.GetInbox().InboxSeq, "the state is kept")
			} else {
				require.Nil(t, row.State, "the row is absent")
			}
			letter := letterOf(t, out)
			require.Equal(t, c.failing, letter.Failing)
			require.NotEmpty(t, letter.Detail)
			require.Equal(t, c.in.Key[:min(len(c.in.Key), topology.MaxKey)], string(letter.Key))
			require.Equal(t, string(c.in.Value), string(letter.Value))
			require.EqualValues(t, 5, letter.Offset)
			require.Equal(t, "inbox.commands", letter.Topic)
		})
	}
}

func letterOf(t testing.TB, out []topology.Output) *pb.DeadLetter {
	require.Equal(t, 1, len(out)) // not Len: it would print values of 700 KB
	require.Equal(t, topology.DeadLetters, out[0].Topic)
	require.LessOrEqual(t, len(out[0].Key), topology.MaxKey)
	require.LessOrEqual(t, len(out[0].Value), topology.MaxValue)
	letter := &pb.DeadLetter{}
	require.NoError(t, letter.UnmarshalVT(out[0].Value))
	return letter
}

// bomb is an event that changes the row that it must not change and then panics.
type bomb struct{ value any }

func (b bomb) Apply(row *pb.InboxRow) {
	row.InboxSeq = 99
	panic(b.value)
}

// deciding is an inbox that decides the same on every command, and whose events change the row itself.
func deciding(d machine.Decision[pb.InboxRow]) machine.Machine {
	m := inbox.Machine
	m.Copy = func(row *pb.InboxRow) *pb.InboxRow { return row }
	m.Decide = func(*pb.InboxRow, *inbox.Command, machine.Stamp) machine.Decision[pb.InboxRow] { return d }
	return m
}

func TestPanic(t *testing.T) {
	inbox := hall(t, "inbox")
	had, _ := inbox.fold(1, nil, input(inbox, 0, "ann", refusal(1)))
	for _, c := range []struct {
		value any
		want  string
	}{
		{"oh", "the machine panicked: oh"},
		{fmt.Errorf("index out of range"), "the machine panicked: index out of range"},
		{&had, "the machine panicked with a *[]uint8"},                                          // an address would differ from owner to owner
		{"x" + strings.Repeat("é", 2000), "the machine panicked: x" + strings.Repeat("é", 500)}, // cut, and still text
	} {
		inbox.machine = deciding(machine.Decision[pb.InboxRow]{Events: []machine.Event[pb.InboxRow]{bomb{c.value}}})
		cause := topology.Cause{Epoch: 1, Group: 2, Partition: 3, Offset: 4}
		next, out := inbox.fold(1, had, caused(input(inbox, 1, "ann", refusal(1)), cause))
		letter := letterOf(t, out)
		require.Equal(t, pb.Failing_FAILING_PANIC, letter.Failing)
		require.Equal(t, c.want, letter.Detail)
		row := rowOf(t, next)
		require.EqualValues(t, 1, row.GetInbox().InboxSeq, "the state is as it was")
		require.EqualValues(t, 2, row.Through)
		require.NotEmpty(t, row.Sources, "the cause is taken: its repeat is no second letter")
		require.Equal(t, c.want, out[0].Panic)

		in := caused(input(inbox, 1, "ann", refusal(1)), cause)
		in.Panic = out[0].Panic
		again, letters := hall(t, "inbox").fold(1, had, in)
		out[0].Panic = "" // it does not panic itself
		require.Equal(t, next, again, "a build that does not panic takes the other's word")
		require.Equal(t, out, letters)
	}
}

func TestAWordOutsideThePlanIsNotSaid(t *testing.T) {
	inbox := hall(t, "inbox")
	inbox.machine = deciding(machine.Decision[pb.InboxRow]{Outputs: []machine.Output{{Key: "ann", Message: &pb.OutboxCommand{}}}})
	_, out := inbox.fold(1, nil, input(inbox, 0, "ann", refusal(1)))
	letter := letterOf(t, out)
	require.Equal(t, pb.Failing_FAILING_PANIC, letter.Failing)
	require.Contains(t, letter.Detail, "OutboxCommand")
}

// Sizes are checked before anything is said: no message without its deliveries, no row that does not fit a record.
func TestOversized(t *testing.T) {
	m := hall(t, "conversation")
	chat := &pb.ConversationRow{Kind: pb.Kind_KIND_GROUP, Seq: 1, Members: []*pb.Member{{User: "ann", Role: pb.Role_ROLE_OWNER}}}
	had := encode(&pb.Row{Through: 1, TimeMs: begin, Rules: 1, State: &pb.Row_Conversation{Conversation: chat}})

	big := say("ann", topology.MaxValue-55) // the event fits; as a delivery it does not
	require.LessOrEqual(t, big.SizeVT(), topology.MaxValue)
	next, out := m.fold(1, had, input(m, 1, "g-hike/main", big))
	letter := letterOf(t, out)
	require.Equal(t, pb.Failing_FAILING_OVERSIZED, letter.Failing)
	require.Contains(t, letter.Detail, "inbox.commands")
	require.Equal(t, topology.MaxLetter, len(letter.Value), "a dead letter is cut, so it always fits")
	require.EqualValues(t, 1, rowOf(t, next).GetConversation().Seq)

	chat.Title = &pb.Sealed{Ciphertext: make([]byte, topology.MaxValue-80)}
	full := &pb.Row{Through: 1, TimeMs: begin, Rules: 1, State: &pb.Row_Conversation{Conversation: chat}}
	require.LessOrEqual(t, full.SizeVT(), topology.MaxValue)
	add := &pb.ConversationCommand{Origin: say("ann", 0).Origin, Word: &pb.ConversationCommand_Request{Request: &pb.ConversationRequest{
		Word: &pb.ConversationRequest_AddMember{AddMember: &pb.AddMember{User: strings.Repeat("b", 64)}},
	}}}
	next, out = m.fold(1, encode(full), input(m, 1, "g-hike/main", add))
	letter = letterOf(t, out)
	require.Equal(t, pb.Failing_FAILING_OVERSIZED, letter.Failing)
	require.Contains(t, letter.Detail, "the row")
	require.Empty(t, rowOf(t, next).GetConversation().Asks)
}

// A record is dropped when its offset is in the row, or its cause is not newer than the newest one of its source.
func TestTakeOrDrop(t *testing.T) {
	m := hall(t, "inbox")
	cause := topology.Cause{Epoch: 1, Group: 2, Partition: 3, Offset: 40, Index: 2}
	row, out := m.fold(1, nil, caused(input(m, 10, "ann", refusal(1)), cause))
	require.Len(t, out, 1)
	for _, c := range []struct {
		name   string
		offset int64
		change func(*topology.Cause)
		taken  bool
	}{
		{"the same record", 10, func(*topology.Cause) {}, false},
		{"an offset below", 3, func(c *topology.Cause) { c.Offset = 99 }, false},
		{"the same cause behind", 11, func(*topology.Cause) {}, false},
		{"an older index", 11, func(c *topology.Cause) { c.Index = 1 }, false},
		{"an older offset", 11, func(c *topology.Cause) { c.Offset, c.Index = 39, 9 }, false},
		{"a newer index", 11, func(c *topology.Cause) { c.Index = 3 }, true},
		{"a newer offset", 11, func(c *topology.Cause) { c.Offset, c.Index = 41, 0 }, true},
		{"another partition", 11, func(c *topology.Cause) { c.Partition, c.Offset, c.Index = 4, 0, 0 }, true},
		{"another group", 11, func(c *topology.Cause) { c.Group, c.Offset, c.Index = 1, 0, 0 }, true},
	} {
		changed := cause
		c.change(&changed)
		next, out := m.fold(1, row, caused(input(m, c.offset, "ann", refusal(1)), changed))
		require.Equal(t, c.taken, next != nil, c.name)
		require.Equal(t, c.taken, len(out) == 1, c.name)
	}
	next, out := m.fold(1, row, input(m, 11, "ann", refusal(1)))
	require.NotNil(t, next, "what a gateway wrote has no cause")
	require.Len(t, out, 1)
	require.Equal(t, rowOf(t, row).Sources, rowOf(t, next).Sources)
}

// The packed sources say what a map would say, and stand sorted.
func TestSources(t *testing.T) {
	type from struct{ group, partition uint64 }
	rapid.Check(t, func(t *rapid.T) {
		var packed []byte
		newest := map[from]source{}
		for range rapid.IntRange(0, 60).Draw(t, "causes") {
			c := topology.Cause{
				Group:     rapid.Uint16Range(1, 3).Draw(t, "group"),
				Partition: rapid.Int32Range(0, 4).Draw(t, "partition"),
				Offset:    rapid.SampledFrom([]int64{0, 1, 127, 128, 1 << 40}).Draw(t, "offset"),
				Index:     rapid.Uint32Range(0, 2).Draw(t, "index"),
			}
			now, place := sourceOf(c), from{uint64(c.Group), uint64(c.Partition)}
			had, met := newest[place]
			want := !met || now.newer(had)
			before := string(packed)
			next, newer := advance(packed, c)
			if string(packed) != before {
				t.Fatal("advance changed the list it was given")
			}
			if newer != want {
				t.Fatalf("newer is %v, want %v for %+v behind %+v", newer, want, now, had)
			}
			if newer {
				packed, newest[place] = next, now
			}
		}
		var last *source
		for rest := packed; len(rest) > 0; {
			var s source
			s, rest = split(rest)
			if last != nil && last.from(s) >= 0 {
				t.Fatalf("%+v does not stand before %+v", last, s)
			}
			if newest[from{s.group, s.partition}] != s {
				t.Fatalf("the list has %+v", s)
			}
			delete(newest, from{s.group, s.partition})
			last = &s
		}
		if len(newest) > 0 {
			t.Fatalf("the list lacks %v", newest)
		}
	})
}

// Time never falls, and never jumps by more than a day at one record.
func TestClock(t *testing.T) {
	m := hall(t, "inbox")
	const day = 24 * time.Hour
	start := time.UnixMilli(begin)
	var row []byte
	for i, c := range []struct{ at, want time.Time }{
		{start, start}, // the first record brings its time
		{start.Add(time.Hour), start.Add(time.Hour)},
		{start.Add(-day), start.Add(time.Hour)},
		{start.Add(365 * day), start.Add(day + time.Hour)},
		{time.Time{}, start.Add(day + time.Hour)},
		{start.Add(2 * day), start.Add(2 * day)},
	} {
		in := input(m, int64(i), "ann", refusal(1))
		in.Time = c.at
		row, _ = m.fold(1, row, in)
		require.Equal(t, c.want.UnixMilli(), rowOf(t, row).TimeMs, "record %d", i)
	}
	in := input(m, 0, "bob", refusal(1))
	in.Time = time.Time{}
	row, _ = m.fold(1, nil, in)
	require.Zero(t, rowOf(t, row).TimeMs)
	row, _ = m.fold(1, row, input(m, 1, "bob", refusal(1)))
	require.EqualValues(t, begin+1000, rowOf(t, row).TimeMs, "a time that was not told does not hold back the next")
}

func TestRules(t *testing.T) {
	for _, group := range house.Groups {
		t.Run(group.Name, func(t *testing.T) {
			m := hall(t, group.Name)
			activate := func(offset int64, rules uint32) *topology.Record {
				word := &pb.ActivateRules{Rules: rules}
				return input(m, offset, topology.RulesKey, map[string]encodable{
					"outbox":       &pb.OutboxCommand{Word: &pb.OutboxCommand_ActivateRules{ActivateRules: word}},
					"conversation": &pb.ConversationCommand{Word: &pb.ConversationCommand_ActivateRules{ActivateRules: word}},
					"inbox":        &pb.InboxCommand{Word: &pb.InboxCommand_ActivateRules{ActivateRules: word}},
					"bookmark":     &pb.BookmarkCommand{Word: &pb.BookmarkCommand_ActivateRules{ActivateRules: word}},
					"account":      &pb.AccountCommand{Word: &pb.AccountCommand_ActivateRules{ActivateRules: word}},
				}[group.Name])
			}
			require.EqualValues(t, 1, rulesAt(nil, 1<<40))
			row, out := m.fold(1, nil, activate(10, 2))
			require.Empty(t, out)
			row, out = m.fold(1, row, activate(20, 5))
			require.Empty(t, out)
			for offset, want := range map[int64]uint32{0: 1, 10: 1, 11: 2, 20: 2, 21: 5, 1 << 40: 5} {
				require.Equal(t, want, rulesAt(row, offset), "offset %d", offset)
			}
			for i, in := range []*topology.Record{activate(30, 5), activate(31, 3), activate(32, 0)} {
				row, out = m.fold(1, row, in)
				require.Equal(t, pb.Failing_FAILING_MALFORMED_RECORD, letterOf(t, out).Failing)
				require.Len(t, rowOf(t, row).GetRulesRow().Activations, 2, "%d", i)
			}
			for i := range 70 {
				row, out = m.fold(1, row, activate(int64(40+i), uint32(6+i)))
			}
			require.Contains(t, letterOf(t, out).Detail, "limit")
			require.Len(t, rowOf(t, row).GetRulesRow().Activations, maxActivations)
			next, out := m.fold(1, row, activate(40, 99))
			require.Nil(t, next)
			require.Empty(t, out)
		})
	}
}

// Where going on would hide a fault the fold stops with Damage: it is for the wire to end the process.
func TestDamageStops(t *testing.T) {
	m := hall(t, "inbox")
	in := input(m, 0, "ann", refusal(1))
	outboxes := encode(&pb.Row{State: &pb.Row_Outbox{Outbox: &pb.OutboxRow{}}})
	rules := encode(&pb.Row{State: &pb.Row_RulesRow{RulesRow: &pb.RulesRow{}}})
	for name, f := range map[string]func(){
		"rules 0":               func() { m.fold(0, nil, in) },
		"rules of tomorrow":     func() { m.fold(MaxRules+1, nil, in) },
		"a row that is no row":  func() { m.fold(1, []byte{0xff}, in) },
		"another group's row":   func() { m.fold(1, outboxes, in) },
		"rules under a name":    func() { m.fold(1, rules, in) },
		"rules that are no row": func() { rulesAt([]byte{0xff}, 0) },
		"sources that are cut":  func() { advance([]byte{1, 2}, topology.Cause{}) },
	} {
		func() {
			defer func() { require.IsType(t, Damage{}, recover(), name) }()
			f()
		}()
	}
}

func TestMachines(t *testing.T) {
	machines := Machines(house)
	require.Len(t, machines, len(house.Groups))
	require.Len(t, machines, len(house.Groups), "a machine without a group")
	for i, m := range machines {
		require.Equal(t, house.Groups[i].Name, m.Group.Name)
		require.EqualValues(t, MaxRules, m.MaxRules)
		one, ok := Machine(house, m.Group.Name)
		require.True(t, ok)
		require.Equal(t, m.Group, one.Group)
	}
	_, ok := Machine(house, "attic")
	require.False(t, ok)

	broken := topology.House()
	broken.Groups[0].Name = "attic"
	require.PanicsWithValue(t, `the plan has a group "attic", but there is no machine of that name: add processors/attic and name it in processors/hall.go`, func() { Machines(broken) })
}

func TestDecode(t *testing.T) {
	for _, topic := range house.Topics {
		message, err := Decode(topic.Name, nil)
		require.NoError(t, err)
		require.EqualValues(t, topic.Envelope, message.ProtoReflect().Descriptor().Name())
	}
	row, err := Decode(house.Table("inbox"), encode(&pb.Row{Through: 7}))
	require.NoError(t, err)
	require.EqualValues(t, 7, row.(*pb.Row).Through)
	_, err = Decode("attic.events", nil)
	require.ErrorContains(t, err, "attic.events")
	_, err = Decode("inbox.events", []byte{0xff})
	require.ErrorContains(t, err, "InboxEvent")
}

// Ordinary rows stay under 2 KB: a whole row goes to the changelog at every change.
func TestRowSizes(t *testing.T) {
	const budget, uuid = 2000, "0198f2a4-7c1e-7d3a-9f00-3a5c0e1b2d4f"
	var sources []byte
	for p := range int32(20) {
		sources, _ = advance(sources, topology.Cause{Group: 2, Partition: p, Offset: 50_000_000 + int64(p), Index: 3})
	}
	row := func(row *pb.Row) *pb.Row {
		row.Through, row.TimeMs, row.Rules, row.Sources = 123_456_789, begin, 1, sources
		return row
	}
	devices := &pb.OutboxRow{RateMillitokens: 200_000, RateAtMs: begin}
	for i := range 5 {
		devices.Devices = append(devices.Devices, &pb.OutboxDevice{DeviceId: uuid[:35] + fmt.Sprint(i), ClientSeq: 40_000, UsedAtMs: begin})
	}
	title := &pb.Sealed{KeyId: uuid, Nonce: make([]byte, 12), Ciphertext: make([]byte, 40)}
	members := func(n int) (all []*pb.Member) {
		for i := range n {
			all = append(all, &pb.Member{User: fmt.Sprintf("u%07d", 1_000_000+i), Role: pb.Role_ROLE_MEMBER, SinceSeq: 40_000, SinceNumber: 30_000})
		}
		return all
	}
	for _, c := range []struct {
		name string
		row  *pb.Row
	}{
		{"outbox, 5 devices", row(&pb.Row{State: &pb.Row_Outbox{Outbox: devices}})},
		{"conversation, 2 people", row(&pb.Row{State: &pb.Row_Conversation{Conversation: &pb.ConversationRow{
			Kind: pb.Kind_KIND_DIRECT, Members: members(2), Seq: 50_000, Number: 49_000}}})},
		{"conversation, 64 members", row(&pb.Row{State: &pb.Row_Conversation{Conversation: &pb.ConversationRow{
			Kind: pb.Kind_KIND_GROUP, Title: title, Members: members(64), Seq: 50_000, Number: 49_000}}})},
		{"inbox", row(&pb.Row{State: &pb.Row_Inbox{Inbox: &pb.InboxRow{InboxSeq: 1_000_000, Epoch: 1}}})},
		{"bookmark", row(&pb.Row{State: &pb.Row_Bookmark{Bookmark: &pb.BookmarkRow{Version: 9_000, Marks: &pb.Marks{Read: 40_000, Delivered: 40_001}}}})},
		{"account, 10 blocks, 2 sessions", row(&pb.Row{State: &pb.Row_Account{Account: &pb.AccountRow{
			Exists: true, DisplayName: title, Version: 70_000, Blocked: strings.Split(strings.Repeat("u1000000 ", 9)+"u1000000", " "),
			Leases: []*pb.PresenceLease{{SessionId: uuid, UntilMs: begin}, {SessionId: uuid, UntilMs: begin}}}}})},
	} {
		size := len(encode(c.row))
		t.Logf("%-32s %5d bytes", c.name, size)
		require.LessOrEqual(t, size, budget, c.name)
	}
	sources = nil // an inbox that has heard from every partition of the conversations and bookmarks, and from its own person
	for p := range house.Partitions {
		sources, _ = advance(sources, topology.Cause{Group: 2, Partition: p, Offset: 1 << 30, Index: 64})
		sources, _ = advance(sources, topology.Cause{Group: 4, Partition: p, Offset: 1 << 30, Index: 2})
	}
	sources, _ = advance(sources, topology.Cause{Group: 1, Offset: 1 << 30})
	sources, _ = advance(sources, topology.Cause{Group: 5, Offset: 1 << 30})
	t.Logf("%-32s %5d bytes", "sources, as many as there can be", len(sources))
	require.LessOrEqual(t, len(sources), 1100)
	require.Equal(t, 64, house.FanOut)
	require.Equal(t, []int{50, 200}, []int{house.CommandRate, house.CommandBurst})
	require.Equal(t, 32, outbox.MaxDevices)
}

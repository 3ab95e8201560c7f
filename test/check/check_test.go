// For each anomaly the smallest history that has it, and a clean one beside it.

package check_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/parley-im/parley/test/check"
)

const talk = "ann/bob"

// The words of the small histories.
var (
	hear  = []Event{{Kind: Hear, User: "ann", Conversation: talk, Seq: 1}, {Kind: Hear, User: "bob", Conversation: talk, Seq: 1}}
	asked = Event{Kind: Invoke, User: "ann", Device: "a1", Op: "ann/a1#1", Conversation: talk}
	ok    = Event{Kind: Return, User: "ann", Device: "a1", Op: "ann/a1#1", Conversation: talk, Outcome: OK, Seq: 1, Number: 1}
)

func item(kind Kind, user, device, op string, seq uint64) Event {
	return Event{Kind: kind, User: user, Device: device, Session: device + ".1", Op: op, Conversation: talk, Seq: seq, Number: seq, InboxSeq: seq, Canary: talk}
}

func final(user, device string, head uint64, ops ...string) []Event {
	var all []Event
	for i, op := range ops {
		all = append(all, item(Final, user, device, op, uint64(i+1)))
	}
	return append(all, Event{Kind: FinalEnd, User: user, Device: device, InboxSeq: head})
}

func with(parts ...any) []Event {
	all := append([]Event{}, hear...)
	for _, p := range parts {
		switch p := p.(type) {
		case Event:
			all = append(all, p)
		case []Event:
			all = append(all, p...)
		}
	}
	return all
}

func but(e Event, change func(*Event)) Event { change(&e); return e }

var two = but(asked, func(e *Event) { e.Op = "ann/a1#2" })

var small = []struct {
	name       string
	want       Letter
	clean, bad []Event
}{
	{"lost: accepted and not in Bob's final read", Lost,
		with(asked, ok, final("bob", "b1", 1, "ann/a1#1")),
		with(asked, ok, final("bob", "b1", 0))},
	{"lost: shown to somebody and not in another's final read", Lost,
		with(asked, item(Show, "ann", "a1", "ann/a1#1", 1), final("bob", "b1", 1, "ann/a1#1")),
		with(asked, item(Show, "ann", "a1", "ann/a1#1", 1), final("bob", "b1", 0))},
	{"late: accepted before the heal, shown a minute after it", Late,
		with(asked, ok, Event{Kind: Heal, AtMs: 100}, but(item(Show, "bob", "b1", "ann/a1#1", 1), func(e *Event) { e.AtMs = 60_100 })),
		with(asked, ok, Event{Kind: Heal, AtMs: 100}, but(item(Show, "bob", "b1", "ann/a1#1", 1), func(e *Event) { e.AtMs = 60_101 }))},
	{"duplicate: two seqs for one operation", Duplicate,
		with(asked, item(Show, "bob", "b1", "ann/a1#1", 1)),
		with(asked, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "bob", "b1", "ann/a1#1", 2))},
	{"duplicate: a retry is answered differently", Duplicate,
		with(asked, ok, ok),
		with(asked, ok, but(ok, func(e *Event) { e.Outcome, e.Seq = Fail, 0 }))},
	{"duplicate: an account's word is answered differently", Duplicate,
		[]Event{{Kind: Invoke, User: "ann", Op: "x"}, {Kind: Return, User: "ann", Op: "x", Outcome: OK}, {Kind: Return, User: "ann", Op: "x", Outcome: Info}},
		[]Event{{Kind: Invoke, User: "ann", Op: "x"}, {Kind: Return, User: "ann", Op: "x", Outcome: OK}, {Kind: Return, User: "ann", Op: "x", Outcome: Fail}}},
	{"duplicate: one place of the final read twice", Duplicate,
		with(asked, final("bob", "b1", 1, "ann/a1#1")),
		with(asked, item(Final, "bob", "b1", "ann/a1#1", 1), final("bob", "b1", 1, "ann/a1#1"))},
	{"order: two observers disagree about a seq", Order,
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "ann", "a1", "ann/a1#1", 1)),
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "ann", "a1", "ann/a1#2", 1))},
	{"order: a session sees seq fall", Order,
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "bob", "b1", "ann/a1#2", 2)),
		with(asked, two, but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.InboxSeq = 1 }),
			but(item(Show, "bob", "b1", "ann/a1#1", 1), func(e *Event) { e.InboxSeq = 2 }))},
	{"order: one number at two seqs", Order,
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "bob", "b1", "ann/a1#2", 2)),
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.Number = 1 }))},
	{"gap: a jump without a resync", Gap,
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), Event{Kind: Resync, User: "bob", Session: "b1.1", InboxSeq: 2},
			but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.InboxSeq = 3 })),
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.InboxSeq = 3 }))},
	{"gap: the final read has a hole", Gap,
		with(asked, two, final("bob", "b1", 2, "ann/a1#1", "ann/a1#2")),
		with(asked, final("bob", "b1", 2, "ann/a1#1"))},
	{"gap: a final read of somebody who was shown nothing", Gap,
		[]Event{{Kind: FinalEnd, User: "zoe", Device: "z1"}},
		[]Event{{Kind: FinalEnd, User: "zoe", Device: "z1", InboxSeq: 1}}},
	{"phantom: nobody asked", Phantom,
		with(asked, item(Show, "bob", "b1", "ann/a1#1", 1)),
		with(item(Show, "bob", "b1", "ann/a1#1", 1))},
	{"phantom: it was refused", Phantom,
		with(asked, but(ok, func(e *Event) { e.Outcome, e.Seq = Info, 0 }), item(Show, "bob", "b1", "ann/a1#1", 1)),
		with(asked, but(ok, func(e *Event) { e.Outcome, e.Seq = Fail, 0 }), item(Show, "bob", "b1", "ann/a1#1", 1))},
	{"causality: the answer before the question", Causality,
		with(asked, two, item(Show, "bob", "b1", "ann/a1#1", 1), but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.ReplyTo = 1 })),
		with(asked, two, item(Show, "ann", "a1", "ann/a1#1", 1),
			but(item(Show, "bob", "b1", "ann/a1#2", 2), func(e *Event) { e.ReplyTo, e.InboxSeq = 1, 1 }))},
	{"causality: said after it was seen, but stands before it", Causality,
		with(asked, but(two, func(e *Event) { e.Seen = 1 }), item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "bob", "b1", "ann/a1#2", 2)),
		with(but(asked, func(e *Event) { e.Seen = 2 }), two, item(Show, "bob", "b1", "ann/a1#1", 1), item(Show, "bob", "b1", "ann/a1#2", 2))},
	{"unread: one too many", Drift,
		with(asked, final("bob", "b1", 1, "ann/a1#1"), Event{Kind: Unread, User: "bob", Device: "b1", Conversation: talk, Number: 1, Count: 1}),
		with(asked, final("bob", "b1", 1, "ann/a1#1"), Event{Kind: Unread, User: "bob", Device: "b1", Conversation: talk, Number: 1, Count: 2})},
	{"unread: one's own counts", Drift,
		with(asked, final("ann", "a1", 1, "ann/a1#1"), Event{Kind: Unread, User: "ann", Device: "a1", Conversation: talk, Number: 1}),
		with(asked, final("ann", "a1", 1, "ann/a1#1"), Event{Kind: Unread, User: "ann", Device: "a1", Conversation: talk, Number: 1, Count: 1})},
	{"regression: the mark falls in a session", Regression,
		[]Event{{Kind: MarkShow, User: "bob", Session: "s", Conversation: talk, Number: 1}, {Kind: MarkShow, User: "bob", Session: "s", Conversation: talk, Number: 2}},
		[]Event{{Kind: MarkShow, User: "bob", Session: "s", Conversation: talk, Number: 2}, {Kind: MarkShow, User: "bob", Session: "s", Conversation: talk, Number: 1}}},
	{"regression: the last write wins", Regression,
		[]Event{{Kind: Mark, User: "bob", Conversation: talk, Number: 2}, {Kind: Mark, User: "bob", Conversation: talk, Number: 1}, {Kind: MarkFinal, User: "bob", Conversation: talk, Number: 2}},
		[]Event{{Kind: Mark, User: "bob", Conversation: talk, Number: 2}, {Kind: Mark, User: "bob", Conversation: talk, Number: 1}, {Kind: MarkFinal, User: "bob", Conversation: talk, Number: 1}}},
	{"leak: a stranger is shown a message", Leak,
		with(asked, item(Show, "bob", "b1", "ann/a1#1", 1)),
		with(asked, item(Show, "eve", "e1", "ann/a1#1", 1))},
	{"leak: after Bob was removed at seq 1", Leak,
		[]Event{{Kind: Hear, User: "bob", Conversation: talk, Seq: 1, Until: 1}, asked, item(Show, "bob", "b1", "ann/a1#1", 1)},
		[]Event{{Kind: Hear, User: "bob", Conversation: talk, Seq: 1, Until: 1}, asked, item(Show, "bob", "b1", "ann/a1#1", 2)}},
	{"leak: a body of another conversation", Leak,
		with(asked, item(Show, "bob", "b1", "ann/a1#1", 1)),
		with(asked, but(item(Show, "bob", "b1", "ann/a1#1", 1), func(e *Event) { e.Canary = "g-x/main" }))},
	{"view: a document is not the fold", View,
		[]Event{{Kind: Compare, What: View, Key: "line bob", Got: "1", Want: "1"}},
		[]Event{{Kind: Compare, What: View, Key: "line bob", Got: "1", Want: "2"}}},
	{"state: a table is not the fold", State,
		[]Event{{Kind: Compare, What: State, Key: "inbox/0 bob", Got: "1", Want: "1"}},
		[]Event{{Kind: Compare, What: State, Key: "inbox/0 bob", Got: "1", Want: "2"}}},
}

// checked are histories checked in memory, and once more from files.
func checked(t *testing.T, events []Event) *Report {
	reports := []*Report{}
	for _, held := range []int{0, 1} {
		c := New(Limits{Dir: t.TempDir(), Held: held, Buckets: 3})
		for _, e := range events {
			require.NoError(t, c.Add(e))
		}
		r, err := c.Close()
		require.NoError(t, err)
		reports = append(reports, r)
	}
	require.Equal(t, reports[0].Count, reports[1].Count, "files and memory check differently")
	return reports[0]
}

func TestSmallestHistories(t *testing.T) {
	seen := map[Letter]bool{}
	for _, h := range small {
		t.Run(strings.ReplaceAll(h.name, ":", ""), func(t *testing.T) {
			clean := checked(t, h.clean)
			require.True(t, clean.Clean(), clean)
			bad := checked(t, h.bad)
			require.Positive(t, bad.Count[h.want], bad)
			require.NotEmpty(t, bad.First)
		})
		seen[h.want] = true
	}
	for _, l := range []Letter{Lost, Late, Duplicate, Order, Gap, Phantom, Causality, Drift, Regression, View, Leak, State} {
		require.True(t, seen[l], "no history has %s", l)
	}
}

// A history written as text is the same history.
func TestText(t *testing.T) {
	for _, h := range small {
		var text bytes.Buffer
		w := NewWriter(&text)
		for _, e := range h.bad {
			require.NoError(t, w.Write(e))
		}
		var back []Event
		require.NoError(t, Read(&text, func(e Event) error { back = append(back, e); return nil }))
		require.Equal(t, h.bad, back)
	}
	require.ErrorContains(t, Read(strings.NewReader(`{"kind":"shout"}`), func(Event) error { return nil }), "line 1")
	require.ErrorContains(t, Read(strings.NewReader(`{"kind":"show","loud":1}`), func(Event) error { return nil }), "loud")
}

// Limits are errors, never silence.
func TestLimits(t *testing.T) {
	c := New(Limits{Dir: t.TempDir(), Held: 1, Buckets: 1, MaxBucket: 2})
	require.NoError(t, c.Add(asked))
	require.NoError(t, c.Add(asked))
	require.ErrorContains(t, c.Add(asked), "MaxBucket")
	c = New(Limits{Observers: 1})
	require.NoError(t, c.Add(Event{Kind: FinalEnd, User: "ann", Device: "a1"}))
	require.ErrorContains(t, c.Add(Event{Kind: FinalEnd, User: "ann", Device: "a2"}), "Observers")
	_, err := c.Close()
	require.NoError(t, err)
	require.Error(t, c.Add(asked))
}

// crowd hands a clean history of groups of four with about n events to a function; damage leaves one final item out.
func crowd(n int, damage bool, each func(Event)) {
	const members, perGroup = 4, 500
	random := rand.New(rand.NewPCG(1, 2))
	inbox := map[string]uint64{}
	for g := 0; n > 0; g++ {
		conversation := fmt.Sprintf("g-%d/main", g)
		users, devices := [members]string{}, [members]string{}
		for m := range members {
			users[m] = fmt.Sprintf("u%d-%d", g, m)
			devices[m] = users[m] + "-phone"
			each(Event{Kind: Hear, User: users[m], Conversation: conversation, Seq: 1})
		}
		for seq := uint64(1); seq <= perGroup; seq++ {
			s := random.IntN(members)
			op := fmt.Sprintf("%s/%s#%d", users[s], devices[s], seq)
			each(Event{Kind: Invoke, User: users[s], Device: devices[s], Op: op, Conversation: conversation, Seen: seq - 1})
			each(Event{Kind: Return, User: users[s], Device: devices[s], Op: op, Conversation: conversation, Outcome: OK, Seq: seq, Number: seq})
			for m := range members {
				inbox[users[m]]++
				e := Event{Kind: Show, User: users[m], Device: devices[m], Session: devices[m], Op: op, Conversation: conversation,
					Seq: seq, Number: seq, ReplyTo: seq - 1, InboxSeq: inbox[users[m]], Canary: conversation}
				each(e)
				if e.Kind = Final; !damage || g != 0 || seq != 7 || m != 0 {
					each(e)
				}
			}
			n -= 2 + 2*members
		}
		for m := range members {
			each(Event{Kind: FinalEnd, User: users[m], Device: devices[m], InboxSeq: perGroup})
			delete(inbox, users[m])
		}
	}
}

// A needle in a haystack of files.
func TestCrowd(t *testing.T) {
	for _, damage := range []bool{false, true} {
		c := New(Limits{Dir: t.TempDir(), Held: 10_000, Buckets: 8})
		crowd(60_000, damage, func(e Event) { require.NoError(t, c.Add(e)) })
		r, err := c.Close()
		require.NoError(t, err)
		if !damage {
			require.True(t, r.Clean(), r)
			continue
		}
		require.Equal(t, map[Letter]int64{Lost: 1, Gap: 1}, r.Count, r)
	}
}

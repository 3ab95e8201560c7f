// Each law of the plan is broken once here, to see that Check says so; and the plan of the house breaks none.

package topology

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheHouseHoldsItsLaws(t *testing.T) {
	require.NoError(t, House().Check())
}

// topic and group are the plan's own entries, to be changed in place.
func (p *Plan) topic(name string) *Topic {
	return &p.Topics[slices.IndexFunc(p.Topics, func(t Topic) bool { return t.Name == name })]
}

func (p *Plan) group(name string) *Group {
	return &p.Groups[slices.IndexFunc(p.Groups, func(g Group) bool { return g.Name == name })]
}

// breach is one way to break a law, and what Check must answer.
type breach struct {
	law, says string
	breakIt   func(p *Plan)
}

var broken = []breach{
	{"house", `the plan's name "Par_ley"`, func(p *Plan) { p.Name = "Par_ley" }},
	{"house", "the log epoch is 0", func(p *Plan) { p.Epoch = 0 }},
	{"house", "fan-out is 1", func(p *Plan) { p.FanOut = 1 }},
	{"house", "0 commands a second", func(p *Plan) { p.CommandRate = 0 }},
	{"house", "-1 at once", func(p *Plan) { p.CommandBurst = -1 }},

	{"partitions", "12 partitions; choose a power of two", func(p *Plan) { p.Partitions = 12 }},
	{"partitions", "0 partitions", func(p *Plan) { p.Partitions = 0 }},
	{"partitions", "-4 partitions", func(p *Plan) { p.Partitions = -4 }},

	{"replication", "all 3 replicas must be in sync", func(p *Plan) { p.MinInsync = 3 }},
	{"replication", "set MinInsync to 1", func(p *Plan) { p.Replication, p.MinInsync = 1, 2 }},
	{"replication", "both are at least 1", func(p *Plan) { p.MinInsync = 0 }},

	{"unique names", "topic inbox.events and topic inbox.events", func(p *Plan) { p.Topics = append(p.Topics, *p.topic("inbox.events")) }},
	{"unique names", "group inbox and group inbox", func(p *Plan) { p.Groups = append(p.Groups, *p.group("inbox")) }},
	{"unique names", "view people and view people", func(p *Plan) { p.Views = append(p.Views, p.Views[len(p.Views)-1]) }},
	{"unique names", "group outbox and gateway outbox", func(p *Plan) { p.Gateways[0].Name = "outbox" }},
	{"unique names", `"in_box" cannot name a group`, func(p *Plan) { p.group("inbox").Name = "in_box" }},
	{"unique names", `"view.inbox" cannot name a group`, func(p *Plan) { p.group("inbox").Name = "view.inbox" }},

	{"topic names", `topic "inbox_events"`, func(p *Plan) { p.topic("inbox.events").Name = "inbox_events" }},
	{"topic names", `topic "in_box.events"`, func(p *Plan) { p.topic("inbox.events").Name = "in_box.events" }},
	{"topic names", `topic "a.inbox.events"`, func(p *Plan) { p.topic("inbox.events").Name = "a.inbox.events" }},
	{"topic names", `topic "inbox.news"`, func(p *Plan) { p.topic("inbox.events").Name = "inbox.news" }},
	{"topic names", `topic ".events"`, func(p *Plan) { p.topic("inbox.events").Name = ".events" }},

	{"log", "topic inbox.events is compacted", func(p *Plan) { p.topic("inbox.events").Compact = true }},

	{"envelope", "InboxCommand stands in inbox.commands and in inbox.events", func(p *Plan) { p.topic("inbox.events").Envelope = "InboxCommand" }},
	{"envelope", "topic inbox.events has no envelope", func(p *Plan) { p.topic("inbox.events").Envelope = "" }},

	{"writer", "nobody writes bookmark.commands", func(p *Plan) { p.topic("bookmark.commands").Writers = nil }},
	{"writer", `inbox.events is written by "history"`, func(p *Plan) { p.topic("inbox.events").Writers = []string{"history"} }},
	{"writer", "names its writer session twice", func(p *Plan) { p.topic("bookmark.commands").Writers = []string{"session", "session"} }},

	{"reader", "nobody reads conversation.events", func(p *Plan) { p.Views = slices.Delete(p.Views, 3, 4) }},

	{"one voice", "only the group inbox may say", func(p *Plan) { p.topic("inbox.events").Writers = []string{"inbox", "bookmark"} }},
	{"one voice", "only the group inbox may say", func(p *Plan) { p.topic("inbox.events").Writers = []string{"session"} }},
	{"one voice", "only the group inbox may say", func(p *Plan) { p.topic("inbox.events").Writers = nil }},
	{"one voice", "only the group news may say", func(p *Plan) { p.topic("inbox.events").Name = "news.events" }},

	{"one machine", `group inbox folds ""`, func(p *Plan) { p.group("inbox").Input = "" }},
	{"one machine", `"inbox.events"; its one input is called inbox.commands`, func(p *Plan) { p.group("inbox").Input = "inbox.events" }},
	{"one machine", `"other.commands", which is no topic`, func(p *Plan) { p.group("inbox").Input = "other.commands" }},
	{"one machine", "groups outbox and inbox fold the same input", func(p *Plan) { p.group("inbox").Input = "outbox.commands" }},
	{"one machine", "group inbox has number 0", func(p *Plan) { p.group("inbox").Number = 0 }},
	{"one machine", "share the number 1", func(p *Plan) { p.group("inbox").Number = 1 }},
	{"one machine", `rows as "OutboxRow" like "outbox"`, func(p *Plan) { p.group("inbox").State = "OutboxRow" }},
	{"one machine", `rows as ""`, func(p *Plan) { p.group("inbox").State = "" }},

	{"no loop", "group inbox writes its own input", func(p *Plan) {
		p.group("inbox").Output = []string{"inbox.events", "inbox.commands"}
		p.topic("inbox.commands").Writers = append(p.topic("inbox.commands").Writers, "inbox")
	}},

	{"agreement", "inbox says account.commands, but is not among its writers", func(p *Plan) { p.group("inbox").Output = []string{"inbox.events", "account.commands"} }},
	{"agreement", "session says inbox.commands, but is not", func(p *Plan) { p.Gateways[0].Says = append(p.Gateways[0].Says, "inbox.commands") }},
	{"agreement", "inbox.events is written by inbox, which does not say it", func(p *Plan) { p.group("inbox").Output = nil }},
	{"agreement", "bookmark.commands is written by session, which does not", func(p *Plan) { p.Gateways[0].Says = []string{"outbox.commands", "account.commands"} }},
	{"agreement", `inbox says "news.events", which is no topic`, func(p *Plan) { p.group("inbox").Output = []string{"inbox.events", "news.events"} }},
	{"agreement", "inbox says inbox.events twice", func(p *Plan) { p.group("inbox").Output = []string{"inbox.events", "inbox.events"} }},

	{"dead letters", "there is no topic dead.letters", func(p *Plan) { p.Topics = p.Topics[:len(p.Topics)-1] }},
	{"dead letters", "group account does not write", func(p *Plan) { p.topic(DeadLetters).Writers = []string{"outbox", "conversation", "inbox", "bookmark"} }},
	{"dead letters", "session writes dead.letters", func(p *Plan) { p.topic(DeadLetters).Writers = append(p.topic(DeadLetters).Writers, "session") }},
	{"dead letters", "group inbox lists dead.letters", func(p *Plan) { p.group("inbox").Output = []string{"inbox.events", DeadLetters} }},

	{"known inputs", `view inbox reads "news.events"`, func(p *Plan) { p.Views[0].Input = []string{"inbox.events", "news.events"} }},
	{"known inputs", "view inbox reads inbox.events twice", func(p *Plan) { p.Views[0].Input = []string{"inbox.events", "inbox.events"} }},
	{"known inputs", "view inbox reads nothing", func(p *Plan) { p.Views[0].Input = nil }},
	{"known inputs", "view inbox reads inbox.commands; read what was said", func(p *Plan) { p.Views[0].Input = []string{"inbox.commands"} }},
	{"known inputs", `gateway dispatch reads "news.events"`, func(p *Plan) { p.Gateways[1].Hears = []string{"news.events"} }},

	{"retention", "outbox.commands keeps 4 days", func(p *Plan) { p.topic("outbox.commands").Retention = Ownerless }},
	{"retention", "inbox.events keeps 1h0m0s", func(p *Plan) { p.topic("inbox.events").Retention = time.Hour }},
	{"retention", "conversation.events keeps 400 days; it is the only memory", func(p *Plan) { p.topic("conversation.events").Retention = 400 * days }},
	{"retention", "dead.letters keeps 1 day; it is the only memory", func(p *Plan) { p.topic(DeadLetters).Retention = days }},
}

func TestBrokenPlansAreRefused(t *testing.T) {
	for _, c := range broken {
		t.Run(c.law+"/"+c.says, func(t *testing.T) {
			p := House()
			c.breakIt(&p)
			err := p.Check()
			require.Error(t, err, "the plan was broken, and Check found nothing")
			for line := range strings.Lines(err.Error()) {
				if strings.HasPrefix(line, c.law+": ") && strings.Contains(line, c.says) {
					return
				}
			}
			t.Fatalf("law %q did not say %q; Check said:\n%v", c.law, c.says, err)
		})
	}
}

func TestEveryLawWasBrokenOnce(t *testing.T) {
	for _, law := range Laws() {
		found := slices.ContainsFunc(broken, func(b breach) bool { return b.law == law.Name })
		require.True(t, found, "law %q is shown by no broken plan; add one", law.Name)
	}
}

// One plan with two faults gets two lines: nobody should have to run the check twice.
func TestAllViolationsAreTold(t *testing.T) {
	p := House()
	p.Partitions = 12
	p.topic("inbox.events").Compact = true
	require.EqualError(t, p.Check(), "partitions: 12 partitions; choose a power of two, or goka's signed remainder and ours disagree\n"+
		"log: topic inbox.events is compacted, so a replay would miss what it once said; unset Compact, a group's table is made by itself")
}

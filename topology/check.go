// The laws of the plan: what must hold before anything is derived from it.

package topology

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Ownerless is the longest time that a partition may be without an owner and lose nothing: a long weekend and the day
// after it. Whatever a group folds or a person has not yet fetched must stay in the log for longer.
const Ownerless = 4 * 24 * time.Hour

// The suffixes of the two kinds of topics: requests, and what was decided.
const (
	commandSuffix = ".commands"
	eventSuffix   = ".events"
)

// A noun names a group, a folder, a package and a metric. It has no underscore, because Kafka's metrics take '.' and '_'
// for the same letter, and no dot, because the dot ends it.
var noun = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Law is one law of the plan.
type Law struct {
	Name  string // short, for error messages
	Holds string // the whole law, as a sentence
	broke func(p Plan, found report)
}

// report collects one violation, and what to do about it.
type report func(format string, args ...any)

// Laws are all laws of the plan, in the order in which Check checks them.
func Laws() []Law {
	return []Law{
		{"house", "The plan has a name, an epoch and a fan-out.", brokeHouse},
		{"partitions", "The partition count, one for all keyed topics, is a power of two.", brokePartitions},
		{"replication", "A broker may be lost: fewer replicas must be in sync than there are.", brokeReplication},
		{"unique names", "No two topics, groups, views or gateways share a name, and no two parts a consumer group.", brokeNames},
		{"topic names", "A topic is called <noun>.commands or <noun>.events; dots and hyphens, never underscores.", brokeTopicNames},
		{"log", "A topic of the plan is a log; only the tables of groups are compacted.", brokeLog},
		{"envelope", "Every topic has an envelope of its own: the one protobuf message that its values are.", brokeEnvelope},
		{"writer", "Every topic has a writer, which is a group or a gateway of the plan.", brokeWriter},
		{"reader", "Every topic has a reader: a group, a view or a gateway.", brokeReader},
		{"one voice", "Every event topic has exactly one writer: the group of its noun.", brokeOneVoice},
		{"one machine", "Every group has one input, <name>.commands, and a number and a row of its own.", brokeOneMachine},
		{"no loop", "No group writes its own input: its record would be folded after what others wrote meanwhile.", brokeLoop},
		{"agreement", "The outputs of a part and the writers of a topic are one fact, and agree.", brokeAgreement},
		{"dead letters", "Every group writes dead.letters, and nobody else does.", brokeDeadLetters},
		{"known inputs", "Views and gateways read event topics of the plan, each once.", brokeInputs},
		{"retention", "Commands and inbox.events outlive the longest ownerless time; other events are kept for ever.", brokeRetention},
	}
}

// Check holds every law against the plan and joins what is violated; each violation says what to do.
func (p Plan) Check() error {
	var found []error
	for _, law := range Laws() {
		law.broke(p, func(format string, args ...any) {
			found = append(found, fmt.Errorf("%s: %s", law.Name, fmt.Sprintf(format, args...)))
		})
	}
	return errors.Join(found...)
}

func brokeHouse(p Plan, found report) {
	if !noun.MatchString(p.Name) {
		found("the plan's name %q cannot prefix consumer groups; use small letters, digits and hyphens", p.Name)
	}
	if p.Epoch == 0 {
		found("the log epoch is 0, which no cause may carry; begin with 1")
	}
	if p.FanOut < 2 {
		found("fan-out is %d, so not even a direct conversation reaches both inboxes; set at least 2", p.FanOut)
	}
	if p.CommandRate < 1 || p.CommandBurst < 1 {
		found("a person may ask %d commands a second and %d at once, so nobody can ask anything; set at least 1", p.CommandRate, p.CommandBurst)
	}
}

func brokePartitions(p Plan, found report) {
	if n := p.Partitions; n <= 0 || n&(n-1) != 0 {
		found("%d partitions; choose a power of two, or goka's signed remainder and ours disagree", n)
	}
}

func brokeReplication(p Plan, found report) {
	switch {
	case p.Replication < 1 || p.MinInsync < 1:
		found("replication %d with %d in sync; both are at least 1", p.Replication, p.MinInsync)
	case p.Replication == 1 && p.MinInsync != 1:
		found("one replica, but %d must be in sync; set MinInsync to 1", p.MinInsync)
	case p.Replication > 1 && p.MinInsync >= p.Replication:
		found("all %d replicas must be in sync, so one lost broker stops every write; set MinInsync to %d", p.Replication, p.Replication-1)
	}
}

func brokeNames(p Plan, found report) {
	seen := map[string]string{}
	once := func(what, name string) {
		if first, ok := seen[name]; ok {
			found("%s and %s share a name; rename one", first, what)
			return
		}
		seen[name] = what
	}
	// The prefixes keep views apart from groups, which may share a name, and topics apart from both. Groups and gateways
	// are one space, because a topic's writers do not name which of the two they are.
	for _, t := range p.Topics {
		once("topic "+t.Name, "topic "+t.Name)
	}
	for _, g := range p.Groups {
		once("group "+g.Name, "writer "+g.Name)
		once("the table of group "+g.Name, "topic "+p.Table(g.Name))
		once("the consumer group of group "+g.Name, "consumer "+p.Consumer(g.Name))
	}
	for _, v := range p.Views {
		once("view "+v.Name, "view "+v.Name)
		once("the consumer group of view "+v.Name, "consumer "+p.ViewConsumer(v.Name))
	}
	for _, g := range p.Gateways {
		once("gateway "+g.Name, "writer "+g.Name)
		once("the consumer group of gateway "+g.Name, "consumer "+p.GatewayConsumer(g.Name))
	}
	for _, name := range p.parts() {
		if !noun.MatchString(name) {
			found("%q cannot name a group, view or gateway; use small letters, digits and hyphens", name)
		}
	}
}

func brokeTopicNames(p Plan, found report) {
	for _, t := range p.Topics {
		of, isCommand := strings.CutSuffix(t.Name, commandSuffix)
		if !isCommand {
			of = strings.TrimSuffix(t.Name, eventSuffix)
		}
		if t.Name != DeadLetters && (of == t.Name || !noun.MatchString(of)) {
			found("topic %q; call it <noun>.commands or <noun>.events, with hyphens and never underscores", t.Name)
		}
	}
}

func brokeLog(p Plan, found report) {
	for _, t := range p.Topics {
		if t.Compact {
			found("topic %s is compacted, so a replay would miss what it once said; unset Compact, a group's table is made by itself", t.Name)
		}
	}
}

func brokeEnvelope(p Plan, found report) {
	seen := map[string]string{}
	for _, t := range p.Topics {
		switch first, ok := seen[t.Envelope]; {
		case t.Envelope == "":
			found("topic %s has no envelope; name the one protobuf message that its values are", t.Name)
		case ok:
			found("%s stands in %s and in %s; give one of them a message of its own", t.Envelope, first, t.Name)
		}
		seen[t.Envelope] = t.Name
	}
}

func brokeWriter(p Plan, found report) {
	for _, t := range p.Topics {
		if len(t.Writers) == 0 {
			found("nobody writes %s; name its writer or remove the topic", t.Name)
		}
		for i, w := range t.Writers {
			_, isGroup := p.Group(w)
			_, isGateway := p.Gateway(w)
			if !isGroup && !isGateway {
				found("%s is written by %q, which is neither a group nor a gateway; correct the name or add the part", t.Name, w)
			}
			if slices.Contains(t.Writers[:i], w) {
				found("%s names its writer %s twice; once is enough", t.Name, w)
			}
		}
	}
}

func brokeReader(p Plan, found report) {
	for _, t := range p.Topics {
		if t.Name != DeadLetters && len(p.Readers(t.Name)) == 0 { // dead letters are read by operators
			found("nobody reads %s; give it a group, a view or a gateway, or remove the topic", t.Name)
		}
	}
}

func brokeOneVoice(p Plan, found report) {
	for _, t := range p.Topics {
		of, isEvent := strings.CutSuffix(t.Name, eventSuffix)
		if !isEvent {
			continue
		}
		if _, isGroup := p.Group(of); !isGroup || !slices.Equal(t.Writers, []string{of}) {
			found("%s is written by %v; only the group %s may say what it decided, others send it a command", t.Name, t.Writers, of)
		}
	}
}

func brokeOneMachine(p Plan, found report) {
	inputs, numbers, states := map[string]string{}, map[uint16]string{}, map[string]string{}
	for _, g := range p.Groups {
		if g.Input != g.Name+commandSuffix {
			found("group %s folds %q; its one input is called %s", g.Name, g.Input, g.Name+commandSuffix)
		}
		if _, ok := p.Topic(g.Input); !ok {
			found("group %s folds %q, which is no topic of the plan; add the topic", g.Name, g.Input)
		}
		if first, ok := inputs[g.Input]; ok {
			found("groups %s and %s fold the same input %s; one machine folds one topic, merge them", first, g.Name, g.Input)
		}
		if g.Number == 0 {
			found("group %s has number 0, which means nobody in a cause; give it a number never used before", g.Name)
		}
		if first, ok := numbers[g.Number]; ok {
			found("groups %s and %s share the number %d, so their causes cannot be told apart; give one a number never used before", first, g.Name, g.Number)
		}
		if first, ok := states[g.State]; ok || g.State == "" {
			found("group %s keeps its rows as %q like %q; name a protobuf message of its own", g.Name, g.State, first)
		}
		inputs[g.Input], numbers[g.Number], states[g.State] = g.Name, g.Name, g.Name
	}
}

func brokeLoop(p Plan, found report) {
	for _, g := range p.Groups {
		if slices.Contains(g.Output, g.Input) {
			found("group %s writes its own input %s; decide it all in one step, or let another group answer", g.Name, g.Input)
		}
	}
}

func brokeAgreement(p Plan, found report) {
	writes := func(part string, topics []string) {
		for i, name := range topics {
			t, ok := p.Topic(name)
			switch {
			case !ok:
				found("%s says %q, which is no topic of the plan; add the topic or correct the name", part, name)
			case slices.Contains(topics[:i], name):
				found("%s says %s twice; once is enough", part, name)
			case name != DeadLetters && !slices.Contains(t.Writers, part):
				found("%s says %s, but is not among its writers %v; add it there", part, name, t.Writers)
			}
		}
	}
	for _, g := range p.Groups {
		writes(g.Name, g.Output)
	}
	for _, g := range p.Gateways {
		writes(g.Name, g.Says)
	}
	for _, t := range p.Topics {
		if t.Name == DeadLetters { // every group writes it, without listing it
			continue
		}
		for _, w := range t.Writers {
			group, isGroup := p.Group(w)
			gateway, isGateway := p.Gateway(w)
			if (isGroup || isGateway) && !slices.Contains(slices.Concat(group.Output, gateway.Says), t.Name) {
				found("%s is written by %s, which does not say it; add the topic to what %s says", t.Name, w, w)
			}
		}
	}
}

func brokeDeadLetters(p Plan, found report) {
	t, ok := p.Topic(DeadLetters)
	if !ok {
		found("there is no topic %s; an input that cannot be taken must not vanish, add it", DeadLetters)
		return
	}
	for _, g := range p.Groups {
		if !slices.Contains(t.Writers, g.Name) {
			found("group %s does not write %s; add it to the writers, for every group meets poison", g.Name, DeadLetters)
		}
		if slices.Contains(g.Output, DeadLetters) {
			found("group %s lists %s among its outputs; leave it out, every group has it", g.Name, DeadLetters)
		}
	}
	for _, w := range t.Writers {
		if _, isGroup := p.Group(w); !isGroup {
			found("%s writes %s; a part without a table refuses at its door instead", w, DeadLetters)
		}
	}
}

func brokeInputs(p Plan, found report) {
	reads := func(part string, topics []string) {
		for i, name := range topics {
			t, ok := p.Topic(name)
			switch {
			case !ok:
				found("%s reads %q, which is no topic of the plan; add the topic or correct the name", part, name)
			case !t.IsEvent():
				found("%s reads %s; read what was said, not what was asked and may be refused", part, name)
			case slices.Contains(topics[:i], name):
				found("%s reads %s twice; once is enough", part, name)
			}
		}
	}
	for _, v := range p.Views {
		reads("view "+v.Name, v.Input)
		if len(v.Input) == 0 {
			found("view %s reads nothing; name its topics or remove it", v.Name)
		}
	}
	for _, g := range p.Gateways {
		reads("gateway "+g.Name, g.Hears)
	}
}

func brokeRetention(p Plan, found report) {
	for _, t := range p.Topics {
		short := t.Retention != forEver && t.Retention <= Ownerless
		switch {
		case short && (t.IsCommand() || t.Name == inboxEvents):
			found("%s keeps %s; a partition may be without an owner for %s, keep more", t.Name, InWords(t.Retention), InWords(Ownerless))
		case t.Retention != forEver && !t.IsCommand() && t.Name != inboxEvents:
			found("%s keeps %s; it is the only memory of what happened, set 0 (for ever)", t.Name, InWords(t.Retention))
		}
	}
}

// inboxEvents is the one event topic with a retention: its content is in other topics too, which are kept.
const inboxEvents = "inbox" + eventSuffix

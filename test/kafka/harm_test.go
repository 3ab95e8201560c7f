// Harm from outside: topics, offsets, stores and rules. Each is noticed, counted, and told with the way back; the test goes
// that way, and everything ends as the straight fold says.

package kafka_test

import (
	"strings"
	"testing"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// Kinds of alarms, as metrics name them.
const (
	alarmTopic     = "topic_recreated"
	alarmChangelog = "changelog_shrunk"
	alarmInput     = "input_shrunk"
	alarmRules     = "rules_unknown"
	alarmCommits   = "commits_gone"
)

// TestHarm does every harm to a counter of its own, on one Kafka.
func TestHarm(t *testing.T) {
	k := servers.Kafka(t)
	for i, harm := range []struct {
		name string
		do   func(*patient)
	}{
		{"input created again", inputCreatedAgain},
		{"table created again", tableCreatedAgain},
		{"table cut short", tableCutShort},
		{"commits gone", commitsGone},
		{"commits and first inputs gone", commitsAndFirstInputsGone},
		{"commits ahead", commitsAhead},
		{"inputs deleted unread", inputsDeletedUnread},
		{"store ahead of its log", storeAhead},
		{"older store copied in", storeOlder},
		{"store truncated", storeTruncated},
		{"store with flipped bits", storeFlipped},
		{"newer rules", newerRules},
		{"panic on one owner only", panicOnOneOwner},
		{"rules activated in a crash", rulesInACrash},
		{"disk full", diskFull},
		{"refusal delivered again", refusalAgain},
	} {
		t.Run(harm.name, func(t *testing.T) {
			t.Parallel()
			subject := "counter"
			if harm.name == "refusal delivered again" {
				subject = "house"
			}
			harm.do(newPatient(t, stage{subject, "harm-" + string(rune('a'+i)), uint32(100 + i), 2}, k.Brokers))
		})
	}
}

func inputCreatedAgain(p *patient) {
	o := p.run(p.dir, nil)
	o.awaitReady()
	p.feed(300)
	p.whole()
	mirror := p.read(p.input())
	p.recreate(p.input(), nil) // while it runs
	o.alarmed(alarmTopic, p.input()+" was deleted and created again", "from a mirror, each at its offset and with its time", "delete the topic "+p.table())
	p.wipe()
	p.run(p.dir, nil).alarmed(alarmTopic, "cut anew") // without a store too
	for _, r := range mirror {
		p.write(r)
	}
	p.startFeeder()
	p.rebuild()
	p.healed(nil)
}

func tableCreatedAgain(p *patient) {
	p.season()
	compact := "compact"
	p.recreate(p.table(), map[string]*string{"cleanup.policy": &compact})
	p.run(p.dir, nil).alarmed(alarmTopic, "local store belongs to another incarnation", "delete the consumer group")
	p.wipe()
	p.run(p.dir, nil).alarmed(alarmTopic, "since the last commit", "delete the consumer group")
	p.rebuild()
	if v := p.healed(nil).p.whole(); v.Repeated == 0 {
		p.Fatal("nothing was folded again")
	}
}

// tableCutShort: Kafka deletes no records of a compacted topic, until somebody changes its policy.
func tableCutShort(p *patient) {
	p.season()
	half := func(s wire.Span) int64 { return s.End / 2 }
	if err := p.deleteRecords(p.table(), half); err == nil {
		p.Fatal("the broker deleted records of a compacted topic")
	}
	setConfig(p.T, p.client, p.table(), map[string]string{"cleanup.policy": "compact,delete"})
	p.until("records are deleted", func() bool { return p.deleteRecords(p.table(), half) == nil })
	setConfig(p.T, p.client, p.table(), map[string]string{"cleanup.policy": "compact"})
	p.wipe()
	p.run(p.dir, nil).alarmed(alarmChangelog, "records of the table were deleted", "delete the topic "+p.table())
	p.rebuild()
	p.healed(nil)
}

func commitsGone(p *patient) {
	p.season()
	p.deleteGroup()
	p.wipe()
	o := p.healed(nil)
	if v := p.whole(); v.Repeated > 0 {
		p.Fatalf("rows did not drop what they have: %v", v)
	}
	if o.count("commits_lost_total", "") != 2 {
		p.Fatal("no metric tells that the commits were gone")
	}
}

func commitsAndFirstInputsGone(p *patient) {
	p.season()
	p.kept[p.input()] = p.read(p.input())
	p.deleteGroup()
	p.must(p.deleteRecords(p.input(), func(wire.Span) int64 { return 5 }))
	p.run(p.dir, nil).alarmed(alarmCommits, "lost its commit", "--to-offset 5 --execute")
	p.commit(func(int32) int64 { return 5 })
	p.healed(nil)
}

func commitsAhead(p *patient) {
	p.season()
	p.commit(func(int32) int64 { return 1_000_000 })
	p.run(p.dir, nil).alarmed(alarmInput, "but was committed up to 1000000", "--reset-offsets --to-offset")
	ends := p.spans(p.input())
	p.commit(func(n int32) int64 { return ends[n].End })
	p.healed(nil)
}

func inputsDeletedUnread(p *patient) {
	p.season()
	p.kept[p.input()] = p.read(p.input())
	p.feed(50)
	p.must(p.deleteRecords(p.input(), func(s wire.Span) int64 { return s.End }))
	p.run(p.dir, nil).alarmed(alarmInput, "inputs were deleted", "if nobody misses them", "--reset-offsets --to-offset")
	ends := p.spans(p.input())
	p.commit(func(n int32) int64 { return ends[n].Oldest })
	p.healed(nil)
}

// newerRules: the alarm wants a newer binary, and gets one.
func newerRules(p *patient) {
	p.season()
	const newer = 4 // than the counter's 3
	o := p.run(p.dir, nil)
	o.awaitReady()
	for n := range p.stage.Partitions {
		p.must(p.emitter.EmitTo(p.input(), n, topology.RulesKey, wiretest.Activate(newer), nil, nil))
	}
	p.feed(50)
	o.alarmed(alarmRules, "rules 4 hold", "deploy a newer one")
	p.run(p.dir, nil).alarmed(alarmRules, "deploy a newer one")
	p.machines[0].MaxRules = newer // the straight fold has the newer binary too
	p.healed(func(cfg *wire.GroupConfig) { cfg.Machine.MaxRules = newer })
}

// panicOnOneOwner: two binaries of one version, of which one panics at some inputs. What it skipped is a fact, and the other
// must not say it again when it gets the partition.
func panicOnOneOwner(p *patient) {
	fold := p.machines[0].Fold
	whole := func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		if in.Panic != "" {
			return skipped(p.group(), row, in)
		}
		return fold(rules, row, in)
	}
	fragile := func(rules uint32, row []byte, in *topology.Record) ([]byte, []topology.Output) {
		next, out := whole(rules, row, in)
		if in.Panic == "" && next != nil && strings.HasSuffix(string(in.Value), "7") {
			next, out = skipped(p.group(), row, in)
			out[0].Panic = "oh"
		}
		return next, out
	}
	p.machines[0].Fold = whole
	one := p.run(p.dir, func(cfg *wire.GroupConfig) { cfg.Machine.Fold = fragile })
	one.awaitReady()
	two := p.run(p.TempDir(), nil)
	two.awaitReady()
	one.awaitReady() // again, with its half
	p.prepare = func() { p.machines[0].Fold = p.asSaid(fold) }
	p.feed(300)
	p.whole()
	p.must(one.stop())
	p.feed(100)
	p.whole()
	letters := map[topology.Cause]bool{}
	for _, r := range p.read(topology.DeadLetters) {
		if cause, err := topology.UnpackCause(r.Get(topology.HeaderCause)); err == nil && cause.Epoch == p.stage.Epoch {
			letters[cause] = true
		}
	}
	if len(letters) == 0 || len(letters) == 40 {
		p.Fatalf("%d dead letters: not one owner alone panicked", len(letters))
	}
	skips := 0
	for _, r := range p.read(p.table()) {
		if wire.IsTakeover(&r) && strings.Contains(r.Key, "skip/") && r.Value != nil {
			skips++
		}
	}
	if skips != len(letters) {
		p.Fatalf("%d dead letters, and %d panics on record", len(letters), skips)
	}
}

// Goka's stock wiring under the same kills as ours: its own producer, its own storage, its own commits.

package kafka_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/lovoo/goka"

	"github.com/parley-im/parley/test/servers"
	"github.com/parley-im/parley/test/stock"
)

var writeStock = flag.Bool("stock", false, "write STOCK.md")

// runStock runs every machine of the stage under goka's own wiring. A naive one has rows that do not know which inputs they
// hold, like the counter of goka's first example.
func runStock(ctx context.Context, cfg childConfig) error {
	var stored func([]byte) []byte
	if cfg.Wiring == naive {
		stored = state
	}
	var processors []*goka.Processor // all are made before the first runs: goka's configuration is a global one
	for _, m := range cfg.Stage.machines() {
		p, err := stock.Processor(cfg.Brokers, cfg.Dir, cfg.Stage.plan(), m, stored)
		if err != nil {
			return err
		}
		processors = append(processors, p)
	}
	ended := make(chan error, len(processors))
	for _, p := range processors {
		go func() { ended <- p.Run(ctx) }()
	}
	return <-ended
}

// trial is one wiring under the kills.
type trial struct {
	title string
	c     *campaign
	v     *verdict
	ended int
}

// TestStock kills the same members at the same moments under each wiring, all at once on one Kafka, and shows what became
// of the same commands. Only our numbers are asserted.
func TestStock(t *testing.T) {
	k := servers.Kafka(t)
	const rate = 400
	kills, between := long(2, 9), long(14, 20) // seconds between kills: both wirings have recovered by then
	seconds := 4 + kills*between
	commands := seconds * rate
	trials := []*trial{
		{title: "parley", c: planCampaign(t, stage{"counter", "ours", 11, 4}, k.Brokers)},
		{title: "stock goka, same machine", c: planCampaign(t, stage{"counter", "stock", 12, 4}, k.Brokers)},
	}
	trials[1].c.wiring = theirs
	if isLong {
		trials = append(trials, &trial{title: "stock goka, rows without positions", c: planCampaign(t, stage{"counter", "naive", 13, 4}, k.Brokers)})
		trials[2].c.wiring = naive
	}
	for _, x := range trials {
		x.c.session, x.c.drain = 0, 0 // the defaults
		x.c.createTopics()
		x.c.startMembers(2)
	}
	for _, x := range trials {
		x.c.awaitMembers(2)
		x.c.feed(commands, rate)
	}
	var at []time.Time
	time.Sleep(4 * time.Second)
	for i := range kills {
		at = append(at, time.Now())
		for _, x := range trials {
			x.c.members[i%2].restart(false)
		}
		time.Sleep(time.Duration(between) * time.Second)
	}
	for _, x := range trials {
		x.settle()
	}
	text := stockTable(trials, commands, rate, at)
	t.Logf("\n%s", text)
	if *writeStock {
		if err := os.WriteFile("STOCK.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if ours := trials[0]; ours.v.harm() != 0 {
		t.Errorf("%s: %v\n%s", ours.title, ours.v, ours.v.samples)
	}
	for _, x := range trials {
		if x.v.Inputs != commands {
			t.Errorf("%s was given %d of %d commands", x.title, x.v.Inputs, commands)
		}
		if said := x.v.Outputs - x.v.Lost; said < x.v.Outputs/2 { // right or wrong
			t.Errorf("%s said %d of %d outputs: it did not run", x.title, said, x.v.Outputs)
		}
	}
}

const stockPatience = 90 * time.Second // after the last kill, for a group to commit all of its input

// settle waits until the group has done what it will ever do.
func (x *trial) settle() {
	<-x.c.fed
	for end := time.Now().Add(stockPatience); !x.c.idle() && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
	}
	time.Sleep(time.Second) // rows of the last inputs may be on their way
	var err error
	if x.v, err = judge(x.c.t.Context(), x.c.cluster, x.c.stage, x.c.stage.machines(), nil); err != nil {
		x.c.t.Fatal(err)
	}
	for _, m := range x.c.members {
		x.ended += m.ended(1) + m.ended(2) + m.ended(3)
	}
}

// stockTable is STOCK.md.
func stockTable(trials []*trial, commands, rate int, kills []time.Time) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The same kills, with goka's stock wiring and with ours

%d commands at %d a second to a counter in 4 partitions, 2 members, %d times kill -9 of one of them in turn, started again after it.
One broker of Apache Kafka; all wirings run at once, beside each other, with the default settings of each.

`, commands, rate, len(kills))
	row := func(what string, cell func(*trial) string) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, x := range trials {
			fmt.Fprintf(&b, " %s |", cell(x))
		}
		b.WriteByte('\n')
	}
	row("", func(x *trial) string { return x.title })
	row("---", func(*trial) string { return "---:" })
	count := func(what string, n func(*trial) int) { row(what, func(x *trial) string { return fmt.Sprint(n(x)) }) }
	count("outcomes that the commands must have", func(x *trial) int { return x.v.Outputs })
	count("**lost**: said by nobody", func(x *trial) int { return x.v.Lost })
	count("**contradicted**: said twice, differently, or not what the fold says", func(x *trial) int { return x.v.Contradicted })
	count("**reordered**: first said behind a later one of its partition", func(x *trial) int { return x.v.Reordered })
	count("repeated, byte-identical: dropped by their cause", func(x *trial) int { return x.v.Repeated })
	row("**rows that differ from the fold**", func(x *trial) string { return fmt.Sprintf("%d of %d", x.v.Differing, x.v.Rows) })
	row("recovery, median and longest", func(x *trial) string {
		var waits []time.Duration
		for _, k := range kills {
			waits = append(waits, x.v.longest(k.Add(-time.Second), k.Add(time.Second)))
		}
		slices.Sort(waits)
		return fmt.Sprintf("%.1f s, %.1f s", waits[len(waits)/2].Seconds(), waits[len(waits)-1].Seconds())
	})
	row("outcome after command, median of the whole run", func(x *trial) string {
		var waits []time.Duration
		for _, w := range x.v.waits {
			waits = append(waits, w.long)
		}
		slices.Sort(waits)
		return fmt.Sprintf("%d ms", waits[len(waits)/2].Milliseconds())
	})
	count("members that ended by themselves", func(x *trial) int { return x.ended })
	b.WriteString(`
Recovery is the longest wait for an outcome among the commands accepted within a second of a kill. The outcomes are the two
events of each command; the fold is the straight fold of the inputs that stand in the log. Stock goka is as its README and
first example show it: DefaultConfig, Kafka's version and the oldest offset set, LevelDB; only the hasher is ours, because the
commands are keyed by it. With the same machine a row remembers the inputs that it holds and drops them when they are
delivered again: goka stores the row before the outputs are acked, so a kill between the two loses them for good. Without
positions nothing is dropped: what was counted before the kill is counted again.

Measured with: make stock
`)
	return b.String()
}

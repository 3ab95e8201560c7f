// parley capacity: what a house of a given size needs, counted from what was measured.

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/topology"
)

// crowd is who talks, how much and in what way: everything that a plan of a size begins with.
type crowd struct {
	Users         float64 `json:"users"`
	Online        float64 `json:"online"`         // share of them that is connected
	Messages      float64 `json:"messages"`       // that one sends in a day
	Direct        float64 `json:"direct"`         // share of messages to one other person
	GroupMean     float64 `json:"group_mean"`     // members of the group that a group message goes to
	GroupLargest  int     `json:"group_largest"`  // members
	Conversations float64 `json:"conversations"`  // of one user
	Peak          float64 `json:"peak"`           // busiest second against the mean of the day
	MessageBytes  float64 `json:"message_bytes"`  // of text
	Receipts      float64 `json:"receipts"`       // for each message and receiver
	Connects      float64 `json:"connects"`       // of a user in a day
	Replication   int     `json:"replication"`    // of the log and of the documents
	Retention     float64 `json:"retention_days"` // for which history is paid for
	Standby       bool    `json:"standby"`        // hot standbys read the tables too
	Spare         int     `json:"spare"`          // machines of each kind beyond what is needed
}

// presets are crowds to begin with. A flag that is given wins.
var presets = map[string]crowd{
	"small": {Users: 10_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 4,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
	"10m": {Users: 10_000_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 3,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
	"1b": {Users: 1_000_000_000, Online: 0.2, Messages: 40, Direct: 0.7, GroupMean: 10, GroupLargest: 64, Conversations: 20, Peak: 2,
		MessageBytes: 200, Receipts: 1, Connects: 10, Replication: 3, Retention: 365, Spare: 1},
}

const defaultPreset = "10m"

// mostUsers is more people than there are.
const mostUsers = 1e10

// check says what is wrong with a crowd, and what to do.
func (c crowd) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	fanOut := topology.House().FanOut
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{c.Users >= 2 && c.Users <= mostUsers, fmt.Sprintf("--users %g: want 2 to %g", c.Users, mostUsers)},
		{share(c.Online), fmt.Sprintf("--online %g: want a share between 0 and 1, such as 0.2", c.Online)},
		{c.Messages > 0, fmt.Sprintf("--messages %g: want how many one user sends in a day, more than 0", c.Messages)},
		{share(c.Direct), fmt.Sprintf("--direct %g: want a share between 0 and 1; the rest goes to groups", c.Direct)},
		{c.Direct == 1 || c.GroupMean >= 2, fmt.Sprintf("--group-mean %g: want 2 members or more", c.GroupMean)},
		{c.Direct == 1 || float64(c.GroupLargest) >= c.GroupMean, fmt.Sprintf("--group-largest %d is smaller than --group-mean %g", c.GroupLargest, c.GroupMean)},
		{c.GroupLargest <= fanOut, fmt.Sprintf("--group-largest %d: up to %d members every inbox gets the message, and only that was measured", c.GroupLargest, fanOut)},
		{c.Conversations >= 1, fmt.Sprintf("--conversations %g: want 1 or more for each user", c.Conversations)},
		{c.Peak >= 1, fmt.Sprintf("--peak %g: the busiest second is not below the mean: want 1 or more", c.Peak)},
		{c.MessageBytes >= 1 && c.MessageBytes <= 16_384, fmt.Sprintf("--message-bytes %g: want 1 to 16384", c.MessageBytes)},
		{share(c.Receipts), fmt.Sprintf("--receipts %g: want a share between 0 and 1", c.Receipts)},
		{c.Connects >= 0, fmt.Sprintf("--connects %g: want how often one user connects in a day", c.Connects)},
		{c.Replication >= 1 && c.Replication <= 7, fmt.Sprintf("--replication %d: want 1 to 7", c.Replication)},
		{c.Retention > 0, fmt.Sprintf("--retention %g: want days, more than 0", c.Retention)},
		{c.Spare >= 0, fmt.Sprintf("--spare %d: want 0 or more machines", c.Spare)},
	} {
		if !rule.holds {
			return fmt.Errorf("%s", rule.says)
		}
	}
	return nil
}

// capacityFlags are what the command line says.
type capacityFlags struct {
	crowd    crowd
	prices   prices
	preset   string
	machines map[string]string
	output   string
}

func capacityCommand() *cobra.Command {
	f := capacityFlags{crowd: presets[defaultPreset], prices: defaultPrices}
	c := &cobra.Command{
		Use:   "capacity",
		Short: "Count what a house of a given size needs, from what was measured: machines, partitions, disks, network, cost",
		Long:  capacityLong,
		Args:  cobra.NoArgs,
		Example: `  parley capacity --preset 10m
  parley capacity --users 500000 --messages 60 --direct 0.5 --group-mean 20 --peak 4 --output json
  parley capacity --preset 1b --machine kafka=32/128/16384/25 --price-core 12`,
		RunE: func(c *cobra.Command, _ []string) error {
			crowd, err := f.chosen(c)
			if err != nil {
				return err
			}
			shapes, err := shapesOf(f.machines)
			if err != nil {
				return err
			}
			measured, err := readCosts()
			if err != nil {
				return err
			}
			p := planCapacity(crowd, measured, shapes, f.prices)
			return render(c.OutOrStdout(), f.output, p, func(w io.Writer) error { return p.print(w) })
		},
	}
	f.add(c)
	outputFlag(c, &f.output)
	return c
}

const capacityLong = `Count what a house of a given size needs, from what was measured: machines, partitions, disks, network, cost.

Who talks and how much comes from a preset (small, 10m, 1b) and from flags; a flag wins. What a message costs in every
process, topic and store was measured and is built in; the output says when, where and how. CPU is counted as on
a busy process: batches grow with the load, so the cost of a message falls until a process is busy and is taken as flat from
the highest measured rate on. What was not measured is said under NOTES.

Example: --users 1000000 --messages 40 --direct 0.7 --group-mean 10 --peak 3. A million people send 463 messages a second in
the mean, 1,389 in the busiest second. A message goes to 0.7 x 2 + 0.3 x 10 = 4.4 inboxes, its sender's among them, so 6,111
inboxes are written a second. Each process's CPU for that, divided by the part of a machine that may be busy (60 %), is its
number of machines; the resource that is full first says how far this goes.`

func (f *capacityFlags) add(c *cobra.Command) {
	s, d := c.Flags(), presets[defaultPreset]
	s.StringVar(&f.preset, "preset", defaultPreset, "the crowd to begin with: "+strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	s.Float64Var(&f.crowd.Users, "users", d.Users, "people, bots and groups not counted")
	s.Float64Var(&f.crowd.Online, "online", d.Online, "share of them that is connected in the busiest second")
	s.Float64Var(&f.crowd.Messages, "messages", d.Messages, "messages that one user sends in a day")
	s.Float64Var(&f.crowd.Direct, "direct", d.Direct, "share of messages to one other person")
	s.Float64Var(&f.crowd.GroupMean, "group-mean", d.GroupMean, "members of the group that a group message goes to, in the mean")
	s.IntVar(&f.crowd.GroupLargest, "group-largest", d.GroupLargest, "members of the largest group")
	s.Float64Var(&f.crowd.Conversations, "conversations", d.Conversations, "conversations of one user")
	s.Float64Var(&f.crowd.Peak, "peak", d.Peak, "busiest second against the mean of the day")
	s.Float64Var(&f.crowd.MessageBytes, "message-bytes", d.MessageBytes, "bytes of a text")
	s.Float64Var(&f.crowd.Receipts, "receipts", d.Receipts, "share of receivers that say they read a message")
	s.Float64Var(&f.crowd.Connects, "connects", d.Connects, "how often one user connects in a day")
	s.IntVar(&f.crowd.Replication, "replication", d.Replication, "copies of the log and of the documents")
	s.Float64Var(&f.crowd.Retention, "retention", d.Retention, "days of history that are paid for; the log keeps events for ever")
	s.BoolVar(&f.crowd.Standby, "standby", d.Standby, "hot standbys: every table is read once more")
	s.IntVar(&f.crowd.Spare, "spare", d.Spare, "machines of each kind beyond what is needed")
	s.Float64Var(&f.prices.Core, "price-core", f.prices.Core, "price of a core for a month")
	s.Float64Var(&f.prices.Memory, "price-memory", f.prices.Memory, "price of a GiB of memory for a month")
	s.Float64Var(&f.prices.Disk, "price-disk", f.prices.Disk, "price of a GiB of disk for a month")
	s.Float64Var(&f.prices.Network, "price-network", f.prices.Network, "price of a GiB sent to clients")
	s.StringToStringVar(&f.machines, "machine", nil, "another machine for a kind, as cores/GiB memory/GiB disk/Gbit a second: kafka=16/64/8192/10; kinds: "+strings.Join(kinds(), ", "))
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(slices.Sorted(maps.Keys(presets)), cobra.ShellCompDirectiveNoFileComp))
}

// chosen is the preset with what the flags say otherwise.
func (f *capacityFlags) chosen(c *cobra.Command) (crowd, error) {
	base, ok := presets[f.preset]
	if !ok {
		return crowd{}, fmt.Errorf("no preset is called %q: want %s", f.preset, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	}
	said := f.crowd
	for name, keep := range map[string]func(){
		"users": func() { said.Users = base.Users }, "online": func() { said.Online = base.Online },
		"messages": func() { said.Messages = base.Messages }, "direct": func() { said.Direct = base.Direct },
		"group-mean": func() { said.GroupMean = base.GroupMean }, "group-largest": func() { said.GroupLargest = base.GroupLargest },
		"conversations": func() { said.Conversations = base.Conversations }, "peak": func() { said.Peak = base.Peak },
		"message-bytes": func() { said.MessageBytes = base.MessageBytes }, "receipts": func() { said.Receipts = base.Receipts },
		"connects": func() { said.Connects = base.Connects }, "replication": func() { said.Replication = base.Replication },
		"retention": func() { said.Retention = base.Retention }, "standby": func() { said.Standby = base.Standby },
		"spare": func() { said.Spare = base.Spare },
	} {
		if !c.Flags().Changed(name) {
			keep()
		}
	}
	return said, said.check()
}

// aDay is what rates are counted over.
var aDay = (24 * time.Hour).Seconds()

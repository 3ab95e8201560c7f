// parley capacity: what a deployment of a given size needs.

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-im/parley/cmd/parley/capacity"
	"github.com/parley-im/parley/cmd/parley/output"
)

const capacityLong = `How many machines for N users? Machines, partitions, disks, network and cost, from measured figures.

How many users there are and what they do comes from a preset (small, 10m, 1b) and from flags; a flag wins. What a message costs
in every process, topic and store was measured and is built in; the output says when, where and how. CPU is counted as on a
busy process: batches grow with the load, so the cost of a message falls until a process is busy, and is taken as flat from the
highest measured rate on. What was not measured is listed under NOTES.

For example --users 1000000 --messages 40 --direct 0.7 --group-mean 10 --peak 3: a million users send 463 messages a second on
average, and 1,389 in the busiest second. A message goes to 0.7 x 2 + 0.3 x 10 = 4.4 inboxes, including its sender's, so 6,111
inboxes are written a second. The CPU that this takes in each process, divided by the part of a machine that may be busy (60 %),
is its number of machines; the resource that is full first tells how far this scales.`

// capacityFlags are the flags of parley capacity.
type capacityFlags struct {
	workload capacity.Workload
	prices   capacity.Prices
	preset   string
	machines map[string]string
	output   string
}

// workloadFlags are the flags that win over a preset.
var workloadFlags = []struct {
	name, usage string
	field       func(*capacity.Workload) any
}{
	{"users", "number of users", func(w *capacity.Workload) any { return &w.Users }},
	{"online", "share of users that is connected in the busiest second", func(w *capacity.Workload) any { return &w.Online }},
	{"messages", "messages that one user sends in a day", func(w *capacity.Workload) any { return &w.Messages }},
	{"direct", "share of messages to one other user", func(w *capacity.Workload) any { return &w.Direct }},
	{"group-mean", "average number of members of the group that a group message goes to", func(w *capacity.Workload) any { return &w.GroupMean }},
	{"group-largest", "members of the largest group", func(w *capacity.Workload) any { return &w.GroupLargest }},
	{"conversations", "conversations of one user", func(w *capacity.Workload) any { return &w.Conversations }},
	{"peak", "busiest second relative to the average of the day", func(w *capacity.Workload) any { return &w.Peak }},
	{"message-bytes", "bytes of a text", func(w *capacity.Workload) any { return &w.MessageBytes }},
	{"receipts", "share of recipients that confirm reading a message", func(w *capacity.Workload) any { return &w.Receipts }},
	{"connects", "how often one user connects in a day", func(w *capacity.Workload) any { return &w.Connects }},
	{"replication", "replicas of the log and of the documents", func(w *capacity.Workload) any { return &w.Replication }},
	{"retention", "days of history that are counted; the log keeps events for ever", func(w *capacity.Workload) any { return &w.Retention }},
	{"standby", "hot standbys: every table is read once more", func(w *capacity.Workload) any { return &w.Standby }},
	{"spare", "machines of each kind beyond what is needed", func(w *capacity.Workload) any { return &w.Spare }},
}

func capacityCommand() *cobra.Command {
	f := capacityFlags{prices: capacity.DefaultPrices}
	c := &cobra.Command{
		Use:   "capacity",
		Short: "How many machines for N users? Machines, partitions, disks, network and cost, from measured figures",
		Long:  capacityLong,
		Args:  cobra.NoArgs,
		Example: `  parley capacity --preset 10m
  parley capacity --users 500000 --messages 60 --direct 0.5 --group-mean 20 --peak 4 --output json
  parley capacity --preset 1b --machine kafka=32/128/16384/25 --price-core 12`,
		RunE: func(c *cobra.Command, _ []string) error {
			workload, err := f.chosen(c)
			if err != nil {
				return err
			}
			shapes, err := capacity.Shapes(f.machines)
			if err != nil {
				return err
			}
			p, err := capacity.Count(workload, shapes, f.prices)
			if err != nil {
				return err
			}
			return output.Print(c.OutOrStdout(), f.output, p, p.Print)
		},
	}
	f.add(c)
	outputFlag(c, &f.output)
	return c
}

func presetNames() []string { return slices.Sorted(maps.Keys(capacity.Presets)) }

func (f *capacityFlags) add(c *cobra.Command) {
	s := c.Flags()
	f.workload = capacity.Presets[capacity.DefaultPreset]
	for _, flag := range workloadFlags {
		switch to := flag.field(&f.workload).(type) {
		case *float64:
			s.Float64Var(to, flag.name, *to, flag.usage)
		case *int:
			s.IntVar(to, flag.name, *to, flag.usage)
		case *bool:
			s.BoolVar(to, flag.name, *to, flag.usage)
		}
	}
	s.StringVar(&f.preset, "preset", capacity.DefaultPreset, "the workload to start from: "+strings.Join(presetNames(), ", "))
	s.Float64Var(&f.prices.Core, "price-core", f.prices.Core, "price of a core for a month")
	s.Float64Var(&f.prices.Memory, "price-memory", f.prices.Memory, "price of a GiB of memory for a month")
	s.Float64Var(&f.prices.Disk, "price-disk", f.prices.Disk, "price of a GiB of disk for a month")
	s.Float64Var(&f.prices.Network, "price-network", f.prices.Network, "price of a GiB sent to clients")
	s.StringToStringVar(&f.machines, "machine", nil, "another machine for a kind, as cores/GiB memory/GiB disk/Gbit a second: kafka=16/64/8192/10; kinds: "+strings.Join(capacity.Kinds(), ", "))
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presetNames(), cobra.ShellCompDirectiveNoFileComp))
}

// chosen is the preset with the flags that were given.
func (f *capacityFlags) chosen(c *cobra.Command) (capacity.Workload, error) {
	w, ok := capacity.Presets[f.preset]
	if !ok {
		return w, fmt.Errorf("no preset is called %q: want %s", f.preset, strings.Join(presetNames(), ", "))
	}
	for _, flag := range workloadFlags {
		if !c.Flags().Changed(flag.name) {
			continue
		}
		switch to := flag.field(&w).(type) {
		case *float64:
			*to = *flag.field(&f.workload).(*float64)
		case *int:
			*to = *flag.field(&f.workload).(*int)
		case *bool:
			*to = *flag.field(&f.workload).(*bool)
		}
	}
	return w, nil
}

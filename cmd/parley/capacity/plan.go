// Package capacity counts what a deployment of a given size needs, from what was measured: machines, partitions, disks, network
// and cost.
package capacity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/redis"
)

// PerMessage is what one message costs with everything that comes with it, before replication.
type PerMessage struct {
	CPU     map[string]float64 `json:"cpu_seconds_per_1000"`
	Bytes   map[string]float64 `json:"bytes"`
	Records map[string]float64 `json:"records"`
}

// perMessage is what a message costs, on as many machines as are needed.
func (n *planner) perMessage(machines []Machines, l mix) PerMessage {
	p := PerMessage{map[string]float64{}, map[string]float64{}, map[string]float64{}}
	rate := n.at.Messages
	for _, m := range machines {
		p.CPU[m.Kind] = n.costs.of(n.costs.CPU[m.Kind], n.at.Messages/float64(m.Needed), l)
		if m.Kind == "processors" {
			rate = n.at.Messages / float64(m.Needed)
		}
	}
	for target := range n.costs.Bytes {
		p.Bytes[target] = n.costs.bytesOf(target, rate, l, n.MessageBytes)
	}
	for topic := range n.costs.Records {
		p.Records[topic] = n.costs.of(n.costs.Records[topic], rate, l)
	}
	return p
}

// Plan is what parley capacity prints.
type Plan struct {
	Crowd      Workload   `json:"crowd"`
	Measured   string     `json:"measured"`
	Rates      Rates      `json:"rates"`
	PerMessage PerMessage `json:"per_message"`
	Largest    PerMessage `json:"per_message_to_the_largest_group"`
	Partitions int        `json:"partitions"`
	Machines   []Machines `json:"machines"`
	First      Bound      `json:"full_first"`
	Single     Bound      `json:"full_first_with_one_machine_of_each_kind"`
	Disk       Disks      `json:"disk_bytes"`
	Cost       Bill       `json:"cost_per_month"`
	Prices     Prices     `json:"prices"`
	Notes      []string   `json:"notes"`
}

// Bound is the resource that is full first, and at how many messages a second.
type Bound struct {
	Kind     string  `json:"kind"`
	Resource string  `json:"resource"`
	At       float64 `json:"messages_per_second"`
}

// largest is a message to the largest group.
func (n *planner) largest() mix {
	if n.Direct == 1 {
		return mix{inboxes: 2}
	}
	return mix{inboxes: float64(n.GroupLargest)}
}

// partitionsFor is the smallest power of two, at least the plan's own, whose goroutines can use so many cores.
func partitionsFor(cores float64) int {
	partitions := int(topology.House().Partitions)
	for float64(partitions)*halfCore < cores {
		partitions *= 2
	}
	return partitions
}

// firstFull is the use that is full first: with the machines that are needed, or with one of each kind.
func firstFull(machines []Machines, single bool) Bound {
	var all []Bound
	for _, m := range machines {
		for _, u := range m.Uses {
			if u.fixed {
				continue
			}
			b := Bound{m.Kind, u.Resource, u.FullAt}
			if single {
				b.At /= float64(m.Needed)
			}
			all = append(all, b)
		}
	}
	return slices.MinFunc(all, func(a, b Bound) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Kind+a.Resource, b.Kind+b.Resource))
	})
}

var notes = []string{
	"a replica in Kafka is counted with the CPU of the first copy; every inbox and receipt as if its owner were connected and the conversation direct",
	"reads (history, lists, differences after a reconnect), TLS, compression and backups are not counted; text size changes bytes, not CPU",
	fmt.Sprintf("Redis keeps up to %d events for each user, for ever", redis.Kept),
	fmt.Sprintf("full means %.0f %% of CPU, %.0f %% of memory and disk, %.0f %% of the network; a month has %d days", 100*fullCPU, 100*fullMemory, 100*fullNetwork, month),
}

// aMonth is what a bill is for.
const aMonth = month * 24 * time.Hour

func (n *planner) bill(plan Plan, p Prices) Bill {
	var b Bill
	for _, m := range plan.Machines {
		b.Machines += m.MonthFor
	}
	b.Network = n.at.ToClients / n.Peak * aMonth.Seconds() / gib * p.Network
	b.Total = b.Machines + b.Network
	b.PerUser = b.Total / n.Users
	b.Per1M = b.Total / (n.at.MeanMessages * aMonth.Seconds()) * 1e6
	return b
}

// Count counts what a workload needs on machines of these shapes, with the built-in costs.
func Count(w Workload, shapes map[string]Shape, p Prices) (Plan, error) {
	if err := w.Check(); err != nil {
		return Plan{}, err
	}
	measured, err := readCosts()
	if err != nil {
		return Plan{}, err
	}
	return planOf(w, measured, shapes, p), nil
}

func planOf(c Workload, measured costs, shapes map[string]Shape, p Prices) Plan {
	n := planner{Workload: c, costs: measured, shapes: shapes}
	n.count()
	plan := Plan{Crowd: c, Prices: p, Notes: append(slices.Clone(measured.Notes), notes...)}
	plan.Measured = fmt.Sprintf("%s by `%s` at %s on %s", measured.Measured, measured.Command, measured.Revision, measured.Machine)
	processors := n.processors()
	plan.Partitions = partitionsFor(processors.Uses[0].Need)
	processors.Uses = append(processors.Uses, Use{Resource: "partitions", Unit: "cores", Need: processors.Uses[0].Need,
		Each: halfCore * float64(plan.Partitions) / float64(processors.Needed)})
	plan.Disk = n.disks()
	plan.Machines = []Machines{n.kafka(plan.Partitions, plan.Disk), processors, n.views(), n.dispatch(), n.gateway(), n.redis(plan.Disk), n.documents(plan.Disk)}
	for i := range plan.Machines {
		m := &plan.Machines[i]
		m.CPU = n.cpu(m.Kind, m.Needed)
		m.Total = m.Needed*m.Copies + n.Spare
		m.MonthFor = float64(m.Total) * p.machine(m.Machine)
		for j := range m.Uses {
			if !m.Uses[j].fixed {
				m.Uses[j].FullAt = n.at.Messages * m.Uses[j].Each * float64(m.Needed) / m.Uses[j].Need
			}
		}
	}
	plan.First, plan.Single = firstFull(plan.Machines, false), firstFull(plan.Machines, true)
	plan.PerMessage, plan.Largest = n.perMessage(plan.Machines, n.load), n.perMessage(plan.Machines, n.largest())
	plan.Rates = n.at
	plan.Cost = n.bill(plan, p)
	if brokers := plan.Machines[0].Needed; brokers > brokersOfCluster {
		plan.Notes = append(plan.Notes, fmt.Sprintf("%d brokers are more than one Kafka cluster is known to work with (about %d): users would be split over %d deployments, which was not tried",
			brokers, brokersOfCluster, (brokers-1)/brokersOfCluster+1))
	}
	return plan
}

// The plan of a size: what each kind of machine is asked for, how many are needed, and what is full first.

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/redis"
)

// How full a machine may be in the busiest second. What is left takes over when another one fails, and grows.
const (
	fullCPU     = 0.6
	fullMemory  = 0.7
	fullDisk    = 0.7
	fullNetwork = 0.5
)

const (
	gib  = 1 << 30
	mib  = 1 << 20
	kib  = 1 << 10
	gbit = 1e9 / 8 // bytes

	replicasOfBroker = 4_000 // of partitions; what Kafka's makers advise
	brokersOfCluster = 200   // the largest clusters that people tell of are about this size
	halfCore         = 0.5   // of one partition's goroutine: people are spread over partitions by chance
	tableCopies      = 2     // of a row in a changelog that is half compacted
	localCopies      = 2     // of a row in a local store that is being compacted
	frameBytes       = 70    // around an event: envelope, WebSocket, TCP and IP
	redisCopies      = 2     // a primary and a replica
	month            = 30    // days
	renewsEvery      = session.RenewMS * time.Millisecond
)

// inRedis and inDocuments are the names of the stores among the places of the costs.
const (
	inRedis     = "redis"
	inDocuments = "documents"
)

// use is what a kind of machine is asked for of one resource, and what one of them may give.
type use struct {
	Resource string  `json:"resource"`
	Unit     string  `json:"unit"`
	Need     float64 `json:"need"`
	Each     float64 `json:"each"`
	FullAt   float64 `json:"full_at_messages_per_second,omitempty"` // with the machines that are needed

	fixed bool // it does not grow with every message: it is never what is full first
}

// machinery is one kind of machine.
type machinery struct {
	Kind     string  `json:"kind"`
	Needed   int     `json:"needed"`
	Copies   int     `json:"copies"` // of each: replicas of a store
	Total    int     `json:"total"`  // with copies and spares
	Machine  shape   `json:"machine"`
	CPU      float64 `json:"cpu_cores"` // that are busy in the busiest second
	MonthFor float64 `json:"cost_per_month"`
	Uses     []use   `json:"uses"`
}

// rates are what happens in the busiest second.
type rates struct {
	MeanMessages float64 `json:"mean_messages_per_second"`
	Messages     float64 `json:"messages_per_second"`
	Inboxes      float64 `json:"inboxes_per_second"`
	Receipts     float64 `json:"receipts_per_second"`
	Connects     float64 `json:"connects_per_second"`
	Renewals     float64 `json:"presence_renewals_per_second"`
	Connections  float64 `json:"connections"`
	Records      float64 `json:"records_per_second"`
	LogIn        float64 `json:"log_bytes_per_second"` // before replication
	LogOut       float64 `json:"log_out_bytes_per_second"`
	ToClients    float64 `json:"client_bytes_per_second"`
}

// perMessage is what one message costs with everything that comes with it, before replication.
type perMessage struct {
	CPU     map[string]float64 `json:"cpu_seconds_per_1000"`
	Bytes   map[string]float64 `json:"bytes"`
	Records map[string]float64 `json:"records"`
}

// capacityPlan is what parley capacity prints.
type capacityPlan struct {
	Crowd      crowd       `json:"crowd"`
	Measured   string      `json:"measured"`
	Rates      rates       `json:"rates"`
	PerMessage perMessage  `json:"per_message"`
	Largest    perMessage  `json:"per_message_to_the_largest_group"`
	Partitions int         `json:"partitions"`
	Machines   []machinery `json:"machines"`
	First      bound       `json:"full_first"`
	Single     bound       `json:"full_first_with_one_machine_of_each_kind"`
	Disk       disks       `json:"disk_bytes"`
	Cost       bill        `json:"cost_per_month"`
	Prices     prices      `json:"prices"`
	Notes      []string    `json:"notes"`
}

// bound is the resource that is full first, and at how many messages a second.
type bound struct {
	Kind     string  `json:"kind"`
	Resource string  `json:"resource"`
	At       float64 `json:"messages_per_second"`
}

// disks are bytes with all copies, after the time for which history is paid for.
type disks struct {
	Log       float64 `json:"log"`
	Tables    float64 `json:"tables"`
	Documents float64 `json:"documents"`
	Redis     float64 `json:"redis_memory"`

	Topics map[string]float64 `json:"log_by_topic"`
}

// planner counts a plan.
type planner struct {
	crowd
	costs  costs
	shapes map[string]shape
	load   company
	at     rates
	table  map[string]float64 // bytes of a row, by group
}

func planCapacity(c crowd, measured costs, shapes map[string]shape, p prices) capacityPlan {
	n := planner{crowd: c, costs: measured, shapes: shapes}
	n.count()
	plan := capacityPlan{Crowd: c, Prices: p, Notes: append(slices.Clone(measured.Notes), capacityNotes...)}
	plan.Measured = fmt.Sprintf("%s by `%s` at %s on %s", measured.Measured, measured.Command, measured.Revision, measured.Machine)
	processors := n.processors()
	plan.Partitions = partitionsFor(processors.Uses[0].Need)
	processors.Uses = append(processors.Uses, use{Resource: "partitions", Unit: "cores", Need: processors.Uses[0].Need,
		Each: halfCore * float64(plan.Partitions) / float64(processors.Needed)})
	plan.Disk = n.disks()
	plan.Machines = []machinery{n.kafka(plan.Partitions, plan.Disk), processors, n.views(), n.dispatch(), n.gateway(), n.redis(plan.Disk), n.documents(plan.Disk)}
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
		plan.Notes = append(plan.Notes, fmt.Sprintf("%d brokers are more than one Kafka cluster is known to be good for (about %d): people would be split over %d houses, which was not tried",
			brokers, brokersOfCluster, (brokers-1)/brokersOfCluster+1))
	}
	return plan
}

// count fills the rates and the rows.
func (n *planner) count() {
	inboxes := 2*n.Direct + n.GroupMean*(1-n.Direct)
	n.at.Connections = n.Users * n.Online
	n.at.MeanMessages = n.Users * n.Messages / aDay
	n.at.Messages = n.at.MeanMessages * n.Peak
	n.at.Renewals = n.at.Connections / renewsEvery.Seconds()
	n.load = company{inboxes: inboxes, receipts: n.Receipts * (inboxes - 1), connects: n.Connects / n.Messages, renewals: n.at.Renewals / n.at.Messages}
	n.at.Inboxes = n.at.Messages * inboxes
	n.at.Receipts = n.at.Messages * n.load.receipts
	n.at.Connects = n.at.Messages * n.load.connects
	for topic := range n.costs.Records {
		n.at.Records += n.at.Messages * n.costs.of(n.costs.Records[topic], busy, n.load)
	}
	for _, topic := range n.topics() {
		bytes := n.bytes(topic)
		n.at.LogIn += bytes
		n.at.LogOut += bytes * n.readers(topic)
	}
	n.at.ToClients = n.at.Messages * (n.perInbox()*inboxes + frameBytes) // the sender hears that it was accepted
	n.table = map[string]float64{}
	for _, g := range topology.House().Groups {
		table := topology.House().Table(g.Name)
		bytes, records := n.costs.Bytes[table], n.costs.Records[table]
		for _, pick := range []func(deploy.Cost) float64{func(a deploy.Cost) float64 { return a.Pairs[len(a.Pairs)-1] },
			func(a deploy.Cost) float64 { return a.Receipt }, func(a deploy.Cost) float64 { return a.Connect }} { // whichever writes the table
			if len(records.Pairs) > 0 && pick(records) > 0 {
				n.table[g.Name] = pick(bytes) / pick(records)
				break
			}
		}
	}
}

// perInbox is what a client is sent of an inbox's event: about what stands in the log of it, and a frame around it.
func (n *planner) perInbox() float64 {
	return n.costs.bytesOf(pushed(), busy, n.load, n.MessageBytes)/n.load.inboxes + frameBytes
}

// topics are all places of the costs but the stores.
func (n *planner) topics() []string {
	var topics []string
	for place := range n.costs.Bytes {
		if place != inRedis && place != inDocuments {
			topics = append(topics, place)
		}
	}
	slices.Sort(topics)
	return topics
}

// bytes is what is written to a place in the busiest second, before replication.
func (n *planner) bytes(place string) float64 {
	return n.at.Messages * n.costs.bytesOf(place, busy, n.load, n.MessageBytes)
}

// readers is how many follow a topic.
func (n *planner) readers(topic string) float64 {
	house, readers := topology.House(), 0.0
	for _, g := range house.Groups {
		if g.Input == topic || (n.Standby && house.Table(g.Name) == topic) {
			readers++
		}
	}
	for _, v := range house.Views {
		if slices.Contains(v.Input, topic) {
			readers++
		}
	}
	for _, g := range house.Gateways {
		if slices.Contains(g.Hears, topic) {
			readers++
		}
	}
	return readers
}

// cpu is how many cores are busy, spread over so many machines.
func (n *planner) cpu(kind string, machines int) float64 {
	rate := n.at.Messages / float64(machines)
	cores := n.at.Messages / 1000 * n.costs.of(n.costs.CPU[kind], rate, n.load)
	if kind == "kafka" {
		cores *= float64(n.Replication)
	}
	return cores
}

// busyCPU is how many cores that takes on busy machines: what they must have.
func (n *planner) busyCPU(kind string) use {
	each := n.shapes[kind].Cores * fullCPU
	cores := n.at.Messages / 1000 * n.costs.of(n.costs.CPU[kind], busy, n.load)
	if kind == "kafka" {
		cores *= float64(n.Replication) // a replica is counted like the first copy
	}
	return use{Resource: "CPU", Unit: "cores", Need: cores, Each: each}
}

func (n *planner) kafka(partitions int, d disks) machinery {
	copies, s := float64(n.Replication), n.shapes["kafka"]
	topics := float64(len(topology.House().Topics)+len(topology.House().Groups)) * copies * float64(partitions)
	return n.need("kafka", 1, n.Replication, n.busyCPU("kafka"),
		use{Resource: "disk", Unit: "GiB", Need: (d.Log + d.Tables) / gib, Each: s.Disk * fullDisk},
		use{Resource: "network in", Unit: "Gbit/s", Need: n.at.LogIn * copies / gbit, Each: s.Network * fullNetwork},
		use{Resource: "network out", Unit: "Gbit/s", Need: (n.at.LogOut + n.at.LogIn*(copies-1)) / gbit, Each: s.Network * fullNetwork},
		use{Resource: "partition replicas", Unit: "", Need: topics, Each: replicasOfBroker, fixed: true})
}

func (n *planner) processors() machinery {
	in, out := 0.0, 0.0
	for _, topic := range n.topics() {
		if slices.ContainsFunc(topology.House().Groups, func(g topology.Group) bool { return g.Input == topic }) {
			in += n.bytes(topic)
		}
		if t, ok := topology.House().Topic(topic); !ok || !slices.Contains(t.Writers, "session") {
			out += n.bytes(topic)
		}
	}
	s := n.shapes["processors"]
	return n.need("processors", 1, 1, n.busyCPU("processors"),
		use{Resource: "disk", Unit: "GiB", Need: n.rows() * localCopies / gib, Each: s.Disk * fullDisk},
		use{Resource: "network", Unit: "Gbit/s", Need: max(in, out) / gbit, Each: s.Network * fullNetwork})
}

func (n *planner) views() machinery {
	in := 0.0
	for _, v := range topology.House().Views {
		for _, topic := range v.Input {
			in += n.bytes(topic)
		}
	}
	return n.need("views", 1, 1, n.busyCPU("views"),
		use{Resource: "network", Unit: "Gbit/s", Need: in / gbit, Each: n.shapes["views"].Network * fullNetwork})
}

func (n *planner) dispatch() machinery {
	return n.need("dispatch", 1, 1, n.busyCPU("dispatch"), n.memory("dispatch"),
		use{Resource: "network", Unit: "Gbit/s", Need: n.bytes(pushed()) / gbit, Each: n.shapes["dispatch"].Network * fullNetwork})
}

func (n *planner) gateway() machinery {
	return n.need("gateway", 1, 1, n.busyCPU("gateway"), n.memory("gateway"),
		use{Resource: "connections", Unit: "", Need: n.at.Connections, Each: float64(door.Limits{}.OrDefaults().Connections)},
		use{Resource: "network", Unit: "Gbit/s", Need: n.at.ToClients / gbit, Each: n.shapes["gateway"].Network * fullNetwork})
}

// memory is what connections hold; the process itself has its part of each machine.
func (n *planner) memory(kind string) use {
	own := n.costs.Process[kind] * mib / gib
	return use{Resource: "memory", Unit: "GiB", Need: n.at.Connections * n.costs.Connection[kind] * kib / gib,
		Each: max(n.shapes[kind].Memory*fullMemory-own, n.shapes[kind].Memory*fullMemory/10)}
}

func (n *planner) redis(d disks) machinery {
	return n.need("redis", min(redisCopies, n.Replication), 1, n.busyCPU("redis"),
		use{Resource: "memory", Unit: "GiB", Need: d.Redis / gib / float64(min(redisCopies, n.Replication)), Each: n.shapes["redis"].Memory * fullMemory})
}

func (n *planner) documents(d disks) machinery {
	return n.need("mongo", n.Replication, 1, n.busyCPU("mongo"),
		use{Resource: "disk", Unit: "GiB", Need: d.Documents / gib / float64(n.Replication), Each: n.shapes["mongo"].Disk * fullDisk})
}

// need counts the machines of a kind: as many as its scarcest resource wants, and no fewer than least.
func (n *planner) need(kind string, copies, least int, uses ...use) machinery {
	m := machinery{Kind: kind, Copies: copies, Needed: least, Machine: n.shapes[kind]}
	for _, u := range uses {
		if u.Need > 0 {
			m.Needed = max(m.Needed, int(math.Ceil(u.Need/u.Each)))
			m.Uses = append(m.Uses, u)
		}
	}
	return m
}

// rows are the bytes of all tables, once.
func (n *planner) rows() float64 {
	conversations := n.Users * n.Conversations / n.load.inboxes
	return n.Users*(n.table["outbox"]+n.table["inbox"]+n.table["account"]) +
		conversations*n.table["conversation"] + n.Users*n.Conversations*n.table["bookmark"]
}

// disks counts what stands after the time for which history is paid for.
func (n *planner) disks() disks {
	d := disks{Tables: n.rows() * tableCopies * float64(n.Replication), Topics: map[string]float64{}}
	history := n.Retention * aDay
	for _, t := range topology.House().Topics {
		kept := history
		if t.Retention > 0 {
			kept = min(history, t.Retention.Seconds())
		}
		d.Topics[t.Name] = n.bytes(t.Name) / n.Peak * kept * float64(n.Replication)
		d.Log += d.Topics[t.Name]
	}
	d.Documents = n.bytes(inDocuments) / n.Peak * history * float64(n.Replication)
	heard := n.at.Messages / n.Peak * (n.load.inboxes + n.load.receipts) / n.Users * history // by one user
	perEvent := n.costs.bytesOf(inRedis, busy, n.load, n.MessageBytes) / (n.load.inboxes + n.load.receipts)
	d.Redis = n.Users * (min(redis.Kept, heard)*perEvent + n.Conversations*n.costs.Person[inRedis]) * float64(min(redisCopies, n.Replication))
	return d
}

// largest is a message to the largest group.
func (n *planner) largest() company {
	if n.Direct == 1 {
		return company{inboxes: 2}
	}
	return company{inboxes: float64(n.GroupLargest)}
}

// perMessage is what a message costs, on as many machines as are needed.
func (n *planner) perMessage(machines []machinery, l company) perMessage {
	p := perMessage{map[string]float64{}, map[string]float64{}, map[string]float64{}}
	rate := n.at.Messages
	for _, m := range machines {
		p.CPU[m.Kind] = n.costs.of(n.costs.CPU[m.Kind], n.at.Messages/float64(m.Needed), l)
		if m.Kind == "processors" {
			rate = n.at.Messages / float64(m.Needed)
		}
	}
	for place := range n.costs.Bytes {
		p.Bytes[place] = n.costs.bytesOf(place, rate, l, n.MessageBytes)
	}
	for topic := range n.costs.Records {
		p.Records[topic] = n.costs.of(n.costs.Records[topic], rate, l)
	}
	return p
}

// partitionsFor is the smallest power of two, the plan's own at least, whose goroutines can do so many cores' work.
func partitionsFor(cores float64) int {
	partitions := int(topology.House().Partitions)
	for float64(partitions)*halfCore < cores {
		partitions *= 2
	}
	return partitions
}

// firstFull is the use that is full first: with the machines that are needed, or with one of each kind.
func firstFull(machines []machinery, single bool) bound {
	var all []bound
	for _, m := range machines {
		for _, u := range m.Uses {
			if u.fixed {
				continue
			}
			b := bound{m.Kind, u.Resource, u.FullAt}
			if single {
				b.At /= float64(m.Needed)
			}
			all = append(all, b)
		}
	}
	return slices.MinFunc(all, func(a, b bound) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Kind+a.Resource, b.Kind+b.Resource))
	})
}

var capacityNotes = []string{
	"a replica in Kafka is counted with the CPU of the first copy; every inbox and receipt as if its owner were connected and the conversation direct",
	"reads (history, lists, differences after a reconnect), TLS, compression and backups are not counted; text size changes bytes, not CPU",
	fmt.Sprintf("Redis keeps up to %d events for each person, for ever", redis.Kept),
	fmt.Sprintf("full means %.0f %% of CPU, %.0f %% of memory and disk, %.0f %% of the network; a month has %d days", 100*fullCPU, 100*fullMemory, 100*fullNetwork, month),
}

// monthly is the seconds of a month.
const monthly = month * 24 * time.Hour

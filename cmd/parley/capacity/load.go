// The load of a workload: what happens a second, what is written where, and how large the rows are.

package capacity

import (
	"slices"
	"time"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/gateways/session"
	"github.com/parley-im/parley/topology"
)

const (
	gib  = 1 << 30
	mib  = 1 << 20
	kib  = 1 << 10
	gbit = 1e9 / 8 // bytes

	replicasOfBroker = 4_000 // of partitions; the advice of Kafka's developers
	brokersOfCluster = 200   // the largest clusters that are publicly known have about this size
	halfCore         = 0.5   // of one partition's goroutine: users are spread over partitions by chance
	tableCopies      = 2     // of a row in a changelog that is half compacted
	localCopies      = 2     // of a row in a local store that is being compacted
	frameBytes       = 70    // around an event: envelope, WebSocket, TCP and IP
	redisCopies      = 2     // a primary and a replica
	month            = 30    // days
	renewsEvery      = session.RenewMS * time.Millisecond
)

// aDay is what rates are averaged over.
var aDay = (24 * time.Hour).Seconds()

// Rates are what happens in the busiest second.
type Rates struct {
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

// planner counts what a workload needs.
type planner struct {
	Workload
	costs  costs
	shapes map[string]Shape
	load   mix
	at     Rates
	table  map[string]float64 // bytes of a row, by group
}

// count fills the rates and the sizes of rows.
func (n *planner) count() {
	inboxes := 2*n.Direct + n.GroupMean*(1-n.Direct)
	n.at.Connections = n.Users * n.Online
	n.at.MeanMessages = n.Users * n.Messages / aDay
	n.at.Messages = n.at.MeanMessages * n.Peak
	n.at.Renewals = n.at.Connections / renewsEvery.Seconds()
	n.load = mix{inboxes: inboxes, receipts: n.Receipts * (inboxes - 1), connects: n.Connects / n.Messages, renewals: n.at.Renewals / n.at.Messages}
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
	n.at.ToClients = n.at.Messages * (n.perInbox()*inboxes + frameBytes) // the sender receives an acknowledgement
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

// perInbox is how many bytes a client receives for an event of an inbox: about what the log holds of it, and a frame.
func (n *planner) perInbox() float64 {
	return n.costs.bytesOf(pushed(), busy, n.load, n.MessageBytes)/n.load.inboxes + frameBytes
}

// topics are all targets of the costs but the stores.
func (n *planner) topics() []string {
	var topics []string
	for target := range n.costs.Bytes {
		if target != inRedis && target != inDocuments {
			topics = append(topics, target)
		}
	}
	slices.Sort(topics)
	return topics
}

// bytes is what is written to a topic or store in the busiest second, before replication.
func (n *planner) bytes(target string) float64 {
	return n.at.Messages * n.costs.bytesOf(target, busy, n.load, n.MessageBytes)
}

// readers is how many consumers a topic has.
func (n *planner) readers(topic string) float64 {
	plan, readers := topology.House(), 0.0
	for _, g := range plan.Groups {
		if g.Input == topic || (n.Standby && plan.Table(g.Name) == topic) {
			readers++
		}
	}
	for _, v := range plan.Views {
		if slices.Contains(v.Input, topic) {
			readers++
		}
	}
	for _, g := range plan.Gateways {
		if slices.Contains(g.Hears, topic) {
			readers++
		}
	}
	return readers
}

// Disks: what the log, the tables and the stores hold after the retention of the workload.

package capacity

import (
	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/views/redis"
)

// Disks are bytes with all copies, after the retention.
type Disks struct {
	Log       float64 `json:"log"`
	Tables    float64 `json:"tables"`
	Documents float64 `json:"documents"`
	Redis     float64 `json:"redis_memory"`

	Topics map[string]float64 `json:"log_by_topic"`
}

// rows is the size of all tables in bytes, once.
func (n *planner) rows() float64 {
	conversations := n.Users * n.Conversations / n.load.inboxes
	return n.Users*(n.table["outbox"]+n.table["inbox"]+n.table["account"]) +
		conversations*n.table["conversation"] + n.Users*n.Conversations*n.table["bookmark"]
}

// disks counts what is kept after the retention.
func (n *planner) disks() Disks {
	d := Disks{Tables: n.rows() * tableCopies * float64(n.Replication), Topics: map[string]float64{}}
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
	received := n.at.Messages / n.Peak * (n.load.inboxes + n.load.receipts) / n.Users * history // by one user
	perEvent := n.costs.bytesOf(inRedis, busy, n.load, n.MessageBytes) / (n.load.inboxes + n.load.receipts)
	d.Redis = n.Users * (min(redis.Kept, received)*perEvent + n.Conversations*n.costs.Person[inRedis]) * float64(min(redisCopies, n.Replication))
	return d
}

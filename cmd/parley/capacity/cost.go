// The measured cost of a message, an inbox, a receipt and a connection, in every process, topic and store.
//
// The figures are in costs.json only, with the date, the machine and the command that measured them.
// `go run ./test/bench capacity` measures them again, `go run ./test/bench capacity -fit` takes them from results.jsonl.

package capacity

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
)

//go:embed costs.json
var measuredCosts []byte

// The stores among the targets of the costs; the other targets are topics and tables.
const (
	inRedis     = "redis"
	inDocuments = "documents"
)

// costs are what the file holds.
type costs struct{ deploy.Costs }

// mix is what comes with one message on average: inboxes written, receipts, connections made, and renewals of presence.
type mix struct{ inboxes, receipts, connects, renewals float64 }

// readCosts reads the built-in costs.
func readCosts() (costs, error) {
	var c costs
	d := json.NewDecoder(bytes.NewReader(measuredCosts))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("the measured costs (cmd/parley/capacity/costs.json) cannot be read: %w; measure them again with `go run ./test/bench capacity`", err)
	}
	return c, c.Check()
}

// busy is a rate above all measured ones, where costs are taken as flat.
var busy = math.Inf(1)

// of is what a message costs with everything that comes with it, at a rate of messages a second.
func (c costs) of(a deploy.Cost, rate float64, l mix) float64 {
	if len(a.Pairs) == 0 {
		return 0 // nothing of it was measured
	}
	more := l.inboxes - 2
	return max(0, deploy.CostAt(c.Rates, a.Pairs, rate)+more*deploy.CostAt(c.InboxRates, a.Inbox, rate*max(more, 0))) + l.receipts*a.Receipt + l.connects*a.Connect + l.renewals*a.Renewal
}

// copies is how often a message's text is written to a topic or store: per message, and per inbox.
type copies struct{ message, inbox float64 }

// texts are the topics and stores that hold a message's text. The rest of the bytes does not depend on it.
var texts = textsOf(topology.House())

func textsOf(plan topology.Plan) map[string]copies {
	found := map[string]copies{inRedis: {inbox: 1}, inDocuments: {message: 1}}
	for _, g := range plan.Groups {
		switch g.Name {
		case "outbox":
			found[g.Input] = copies{message: 1}
		case "conversation":
			found[g.Input], found[g.Output[0]] = copies{message: 1}, copies{message: 1}
		case "inbox":
			found[g.Input], found[g.Output[0]] = copies{inbox: 1}, copies{inbox: 1}
		}
	}
	return found
}

// pushed is the topic whose events are sent to clients.
func pushed() string {
	inbox, _ := topology.House().Group("inbox")
	return inbox.Output[0]
}

// bytesOf is how many bytes a message leaves in a topic or store, with a text of this size.
func (c costs) bytesOf(target string, rate float64, l mix, text float64) float64 {
	longer := (text - c.TextBytes) * (texts[target].message + texts[target].inbox*l.inboxes)
	return max(0, c.of(c.Bytes[target], rate, l)+longer)
}

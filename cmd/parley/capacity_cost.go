// What was measured: the costs of a message, an inbox, a receipt and a connection, in every process, topic and store.
//
// The figures stand in capacity.json alone, with the date, the machine and the command that measured them.
// `go run ./test/bench capacity` measures them anew, `go run ./test/bench capacity -fit` takes them from results.jsonl.

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/topology"
)

//go:embed capacity.json
var measuredCosts []byte

// costs are what the file holds.
type costs struct{ deploy.Costs }

// company is what is asked for a message: how many inboxes, receipts, connections and renewals of
// presence come with it, in the mean.
type company struct{ inboxes, receipts, connects, renewals float64 }

// readCosts reads the built-in costs.
func readCosts() (costs, error) {
	var c costs
	d := json.NewDecoder(bytes.NewReader(measuredCosts))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("the measured costs (cmd/parley/capacity.json) cannot be read: %w; make them anew with `go run ./test/bench capacity`", err)
	}
	return c, c.Check()
}

// busy is a rate above all that were measured. There costs are taken as flat.
var busy = math.Inf(1)

// of is what a message costs with everything that comes with it, at a rate of messages a second.
func (c costs) of(a deploy.Cost, rate float64, l company) float64 {
	if len(a.Pairs) == 0 {
		return 0 // nothing of it was measured
	}
	more := l.inboxes - 2
	return max(0, deploy.CostAt(c.Rates, a.Pairs, rate)+more*deploy.CostAt(c.InboxRates, a.Inbox, rate*max(more, 0))) + l.receipts*a.Receipt + l.connects*a.Connect + l.renewals*a.Renewal
}

// stands is how often a message's text stands in a place: for each message, and for each inbox.
type stands struct{ message, inbox float64 }

// texts are the places where a message's text stands. The rest of the bytes does not depend on it.
var texts = textsOf(topology.House())

func textsOf(house topology.Plan) map[string]stands {
	found := map[string]stands{inRedis: {inbox: 1}, inDocuments: {message: 1}}
	for _, g := range house.Groups {
		switch g.Name {
		case "outbox":
			found[g.Input] = stands{message: 1}
		case "conversation":
			found[g.Input], found[g.Output[0]] = stands{message: 1}, stands{message: 1}
		case "inbox":
			found[g.Input], found[g.Output[0]] = stands{inbox: 1}, stands{inbox: 1}
		}
	}
	return found
}

// pushed is the topic whose events are sent to clients.
func pushed() string {
	inbox, _ := topology.House().Group("inbox")
	return inbox.Output[0]
}

// bytesOf is what a message leaves in a place, in bytes, with a text of this size.
func (c costs) bytesOf(place string, rate float64, l company, text float64) float64 {
	longer := (text - c.TextBytes) * (texts[place].message + texts[place].inbox*l.inboxes)
	return max(0, c.of(c.Bytes[place], rate, l)+longer)
}

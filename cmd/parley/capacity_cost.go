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
	"slices"

	"github.com/parley-im/parley/topology"
)

//go:embed capacity.json
var measuredCosts []byte

// costs are what the file holds.
type costs struct {
	Measured string   `json:"measured"` // date
	Revision string   `json:"revision"`
	Command  string   `json:"command"`
	Machine  string   `json:"machine"`
	Notes    []string `json:"notes"`

	TextBytes  float64            `json:"text_bytes"`     // of the messages that were measured
	Rates      []float64          `json:"rates"`          // messages a second at which 1:1 messages were measured
	InboxRates []float64          `json:"inbox_rates"`    // inboxes a second, beyond two for each message, at which groups were measured
	CPU        map[string]account `json:"cpu"`            // seconds for 1,000, by process
	Bytes      map[string]account `json:"bytes"`          // by topic and store
	Records    map[string]account `json:"records"`        // by topic
	Connection map[string]float64 `json:"connection_kib"` // held for an idle connection, by process
	Process    map[string]float64 `json:"process_mib"`    // held under load, by process
	Person     map[string]float64 `json:"person_bytes"`   // of somebody with one conversation in which nothing was said, by store
}

// account is what something costs, for each message, inbox, receipt, connection and renewal of its presence.
type account struct {
	Pairs   []float64 `json:"pairs"` // a 1:1 message, at each rate
	Inbox   []float64 `json:"inbox"` // each inbox beyond two, at each rate of inboxes
	Receipt float64   `json:"receipt"`
	Connect float64   `json:"connect"` // and go
	Renewal float64   `json:"renewal"` // of a presence
}

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
	return c, c.check()
}

func (c costs) check() error {
	for _, rates := range [][]float64{c.Rates, c.InboxRates} {
		if len(rates) == 0 || !slices.IsSorted(rates) || rates[0] <= 0 {
			return fmt.Errorf("the measured rates %v do not rise from above 0", rates)
		}
	}
	for _, all := range []map[string]account{c.CPU, c.Bytes, c.Records} {
		for name, a := range all {
			if len(a.Pairs) != len(c.Rates) || len(a.Inbox) != len(c.InboxRates) {
				return fmt.Errorf("%s was measured at %d and %d rates of %d and %d", name, len(a.Pairs), len(a.Inbox), len(c.Rates), len(c.InboxRates))
			}
			if slices.Min(append(slices.Concat(a.Pairs, a.Inbox), a.Receipt, a.Connect, a.Renewal)) < 0 {
				return fmt.Errorf("%s costs less than nothing", name)
			}
		}
	}
	return nil
}

// busy is a rate above all that were measured. There costs are taken as flat.
var busy = math.Inf(1)

// of is what a message costs with everything that comes with it, at a rate of messages a second.
func (c costs) of(a account, rate float64, l company) float64 {
	if len(a.Pairs) == 0 {
		return 0 // nothing of it was measured
	}
	more := l.inboxes - 2
	return max(0, priceAt(c.Rates, a.Pairs, rate)+more*priceAt(c.InboxRates, a.Inbox, rate*max(more, 0))) + l.receipts*a.Receipt + l.connects*a.Connect + l.renewals*a.Renewal
}

// priceAt reads a cost off its measured points: a straight line between the logarithms, flat outside.
func priceAt(rates, costs []float64, rate float64) float64 {
	i, _ := slices.BinarySearch(rates, rate)
	switch {
	case i == 0:
		return costs[0]
	case i == len(rates):
		return costs[i-1]
	}
	way := math.Log(rate/rates[i-1]) / math.Log(rates[i]/rates[i-1])
	if costs[i-1] <= 0 || costs[i] <= 0 {
		return costs[i-1] + way*(costs[i]-costs[i-1])
	}
	return costs[i-1] * math.Pow(costs[i]/costs[i-1], way)
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

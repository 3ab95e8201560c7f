// What a message costs as it was measured: the form of the figures, and how a cost at any rate is read off them. The bench
// fits them, `parley capacity` counts with them, and both read them by the same rule.

package deploy

import (
	"fmt"
	"math"
	"slices"
)

// Costs are what was measured, and when, where and how.
type Costs struct {
	Measured string   `json:"measured"` // date
	Revision string   `json:"revision"`
	Command  string   `json:"command"`
	Machine  string   `json:"machine"`
	Notes    []string `json:"notes"`

	TextBytes  float64            `json:"text_bytes"`     // of the messages that were measured
	Rates      []float64          `json:"rates"`          // messages a second at which 1:1 messages were measured
	InboxRates []float64          `json:"inbox_rates"`    // inboxes a second, beyond two for each message, at which groups were measured
	CPU        map[string]Cost    `json:"cpu"`            // seconds for 1,000, by process
	Bytes      map[string]Cost    `json:"bytes"`          // by topic and store
	Records    map[string]Cost    `json:"records"`        // by topic
	Connection map[string]float64 `json:"connection_kib"` // held for an idle connection, by process; what is too little to be told is missing
	Process    map[string]float64 `json:"process_mib"`    // held under load, by process
	Person     map[string]float64 `json:"person_bytes"`   // of somebody with one conversation in which nothing was said, by store
}

// Cost is what something costs, for each message, inbox, receipt, connection and renewal of its presence.
type Cost struct {
	Pairs   []float64 `json:"pairs"` // a 1:1 message, at each rate
	Inbox   []float64 `json:"inbox"` // each inbox beyond two, at each rate of inboxes
	Receipt float64   `json:"receipt"`
	Connect float64   `json:"connect"` // and go
	Renewal float64   `json:"renewal"` // of a presence
}

// Check says what is wrong with the figures.
func (c Costs) Check() error {
	for _, rates := range [][]float64{c.Rates, c.InboxRates} {
		if len(rates) == 0 || !slices.IsSorted(rates) || rates[0] <= 0 {
			return fmt.Errorf("the measured rates %v do not rise from above 0", rates)
		}
	}
	for _, all := range []map[string]Cost{c.CPU, c.Bytes, c.Records} {
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

// CostAt reads a cost off its measured points: a straight line between the logarithms, flat outside.
func CostAt(rates, costs []float64, rate float64) float64 {
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

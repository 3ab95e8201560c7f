// The coefficients of `parley capacity`, made from the newest measured lines.
//
// Everything that is paid (CPU of a process, bytes and records in a place) is an account: what a 1:1 message costs at each
// measured rate, what each further inbox adds at each measured rate, what a receipt adds, what coming and going adds, what renewing a presence adds. A cost at a rate is read off
// the first with the same rule as in `parley capacity`: see cmd/parley/capacity_cost.go.

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/parley-im/parley/test/bench/imload"
)

// maxLine is the longest line of the results that is read, in bytes.
const maxLine = 1 << 20

// coefficients are what the file holds.
type coefficients struct {
	Measured string   `json:"measured"` // date
	Revision string   `json:"revision"`
	Command  string   `json:"command"`
	Machine  string   `json:"machine"`
	Notes    []string `json:"notes"`

	TextBytes  int                `json:"text_bytes"`
	Rates      []float64          `json:"rates"`       // messages a second at which 1:1 messages were measured
	InboxRates []float64          `json:"inbox_rates"` // inboxes a second, beyond two for each message, at which groups were measured
	CPU        map[string]account `json:"cpu"`         // seconds for 1,000, by process
	Bytes      map[string]account `json:"bytes"`       // by topic and store
	Records    map[string]account `json:"records"`
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

var capacityNotes = []string{
	"everything on one machine with two cores that others used too, the generator on it; one Kafka broker without replicas",
	"documents: mongo-java-server in memory, in MongoDB's place; its CPU is not MongoDB's",
	"every receiver was connected",
}

func writeCoefficients(results, path string) error {
	lines, err := newest(results)
	if err != nil {
		return err
	}
	c, err := fit(lines)
	if err != nil {
		return fmt.Errorf("%s: %w", results, err)
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "writing", path)
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// newest are the last lines of each talk, by its name.
func newest(path string) (map[string]imload.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	found := map[string]imload.Result{}
	for n := 1; lines.Scan(); n++ {
		var r imload.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if name, ok := strings.CutPrefix(r.Label, "capacity-"); ok {
			name, _, _ = strings.Cut(name, "/")
			found[name] = r
		}
	}
	return found, lines.Err()
}

// fit makes the coefficients.
func fit(lines map[string]imload.Result) (coefficients, error) {
	c := coefficients{
		Revision: revision(), Command: "go run ./test/bench capacity", Machine: machine(), Notes: capacityNotes, TextBytes: imload.TextSize,
		CPU: map[string]account{}, Bytes: map[string]account{}, Records: map[string]account{},
		Connection: map[string]float64{}, Process: map[string]float64{}, Person: map[string]float64{},
	}
	for _, name := range append(namesOf(learnt), "come", "renew") {
		if _, ok := lines[name]; !ok {
			return c, fmt.Errorf("no line is labelled capacity-%s: run `go run ./test/bench capacity`", name)
		}
	}
	pairs, groups := risen(lines, "pairs-"), risen(lines, "group-")
	for _, r := range pairs {
		c.Rates = append(c.Rates, round(perSecond(r)))
	}
	for _, r := range groups {
		c.InboxRates = append(c.InboxRates, round(perSecond(r)*float64(r.Members-2)))
	}
	for _, kind := range []struct {
		into map[string]account
		of   func(imload.Result) map[string]float64
	}{
		{c.CPU, func(r imload.Result) map[string]float64 { return r.Processes }},
		{c.Bytes, func(r imload.Result) map[string]float64 { return r.Bytes }},
		{c.Records, func(r imload.Result) map[string]float64 { return r.Records }},
	} {
		c.accounts(kind.into, kind.of, pairs, groups, lines)
	}
	busiest, idle := pairs[len(pairs)-1], lines["come"]
	c.Measured = strings.Split(idle.At, "T")[0]
	for name := range busiest.Processes {
		c.Connection[name] = round(max(0, idle.Held[name]))
		c.Process[name] = round(busiest.Held[name])
	}
	c.Person[inRedis] = round(busiest.Bytes[inRedis+forPerson])
	return c, nil
}

// risen are the talks whose names begin so, by their rate.
func risen(lines map[string]imload.Result, prefix string) []imload.Result {
	var found []imload.Result
	for _, t := range learnt {
		if strings.HasPrefix(t.name, prefix) {
			found = append(found, lines[t.name])
		}
	}
	slices.SortFunc(found, func(a, b imload.Result) int { return cmp.Compare(perSecond(a), perSecond(b)) })
	return found
}

// accounts fills the accounts of one kind.
func (c coefficients) accounts(into map[string]account, of func(imload.Result) map[string]float64, pairs, groups []imload.Result, lines map[string]imload.Result) {
	reads, come, renew := lines["reads"], lines["come"], lines["renew"]
	receipts := reads.Records["bookmark.commands"]
	names := map[string]bool{}
	for _, r := range slices.Concat(pairs, groups, []imload.Result{reads, come, renew}) {
		for name := range of(r) {
			names[name] = !strings.HasSuffix(name, forPerson)
		}
	}
	for name := range names {
		if !names[name] {
			continue
		}
		a := account{Connect: round(max(0, of(come)[name])), Renewal: round(max(0, of(renew)[name]))}
		for _, r := range pairs {
			if name == inRedis {
				r = pairs[len(pairs)-1] // Redis takes memory in steps: of few messages one learns the step
			}
			a.Pairs = append(a.Pairs, round(of(r)[name]))
		}
		for _, r := range groups {
			a.Inbox = append(a.Inbox, round(max(0, of(r)[name]-at(c.Rates, a.Pairs, perSecond(r)))/float64(r.Members-2)))
		}
		a.Receipt = round(max(0, of(reads)[name]-at(c.Rates, a.Pairs, perSecond(reads))) / max(receipts, 1e-9))
		into[name] = a
	}
}

// perSecond is how many messages were said a second.
func perSecond(r imload.Result) float64 {
	return r.DeliveredPerS * float64(r.Sent) / float64(max(r.Delivered, 1))
}

// at reads a cost off its measured points: a straight line between the logarithms, flat outside.
func at(rates, costs []float64, rate float64) float64 {
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

func namesOf(talks []talk) []string {
	var names []string
	for _, t := range talks {
		names = append(names, t.name)
	}
	return names
}

// round keeps five digits: more would only look exact.
func round(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*unit) / unit
}

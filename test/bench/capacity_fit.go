// The coefficients of `parley capacity`, made from the newest measured lines.
//
// Everything that is paid (CPU of a process, bytes and records in a place) is an account: what a 1:1 message costs at each
// measured rate, what each further inbox adds at each measured rate, what a receipt adds, what coming and going adds, what
// renewing a presence adds. deploy.Costs is their form, and has the rule by which a cost at a rate is read off them.

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

	"github.com/parley-im/parley/deploy"
	"github.com/parley-im/parley/test/bench/imload"
)

// beyond is how many times busier than the busiest groups a deployment is in which no message has requests of its own. There a
// message costs what the busiest pair's does, and all that a group's costs more is its inboxes': more than they would, not less.
const beyond = 10

// weighed is the part of the bench that weighs connections, so many that the process's own memory is little beside them.
const weighed = "idle"

// maxLine is the longest line of the results that is read, in bytes.
const maxLine = 1 << 20

var capacityNotes = []string{
	"everything on one machine with two cores that others used too, the generator on it; one Kafka broker without replicas",
	"documents: mongo-java-server in memory, in MongoDB's place; its CPU is not MongoDB's",
	"every receiver was connected; receipts were measured at 150 messages a second alone, and count as much in a busy deployment",
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
		name, ours := strings.CutPrefix(r.Label, "capacity-")
		if name, _, _ = strings.Cut(name, "/"); ours || name == weighed {
			found[name] = r
		}
	}
	return found, lines.Err()
}

// fit makes the coefficients.
func fit(lines map[string]imload.Result) (deploy.Costs, error) {
	c := deploy.Costs{
		Revision: revision(), Command: "go run ./test/bench capacity", Machine: machine(), Notes: capacityNotes, TextBytes: imload.TextSize,
		CPU: map[string]deploy.Cost{}, Bytes: map[string]deploy.Cost{}, Records: map[string]deploy.Cost{},
		Connection: map[string]float64{}, Process: map[string]float64{}, Person: map[string]float64{},
	}
	for _, name := range append(namesOf(learnt), "come", "renew") {
		if _, ok := lines[name]; !ok {
			return c, fmt.Errorf("no line is labelled capacity-%s: run `go run ./test/bench capacity`", name)
		}
	}
	if _, ok := lines[weighed]; !ok {
		return c, fmt.Errorf("no line is labelled %s: run `go run ./test/bench -only %s`", weighed, weighed)
	}
	pairs, groups := risen(lines, "pairs-"), risen(lines, "group-")
	busiest := pairs[len(pairs)-1]
	for _, r := range pairs {
		c.Rates = append(c.Rates, round(perSecond(r)))
		r.Bytes[inRedis] = busiest.Bytes[inRedis] // Redis takes memory in steps: of few messages one learns the step
	}
	for _, r := range groups {
		c.InboxRates = append(c.InboxRates, round(perSecond(r)*float64(r.Members-2)))
	}
	c.InboxRates = append(c.InboxRates, round(beyond*c.InboxRates[len(groups)-1]))
	for _, kind := range []struct {
		into map[string]deploy.Cost
		of   func(imload.Result) map[string]float64
	}{
		{c.CPU, func(r imload.Result) map[string]float64 { return r.Processes }},
		{c.Bytes, func(r imload.Result) map[string]float64 { return r.Bytes }},
		{c.Records, func(r imload.Result) map[string]float64 { return r.Records }},
	} {
		accounts(c, kind.into, kind.of, pairs, groups, lines)
	}
	c.Measured = strings.Split(lines["come"].At, "T")[0]
	c.Connection["gateway"] = round(lines[weighed].Figures["resident_kib"])
	for name := range busiest.Processes {
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
func accounts(c deploy.Costs, into map[string]deploy.Cost, of func(imload.Result) map[string]float64, pairs, groups []imload.Result, lines map[string]imload.Result) {
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
		a := deploy.Cost{Connect: round(max(0, of(come)[name])), Renewal: round(max(0, of(renew)[name]))}
		for _, r := range pairs {
			a.Pairs = append(a.Pairs, round(of(r)[name]))
		}
		for _, r := range groups {
			a.Inbox = append(a.Inbox, inboxes(r, of(r)[name]-deploy.CostAt(c.Rates, a.Pairs, perSecond(r))))
		}
		crowd := groups[len(groups)-1]
		a.Inbox = append(a.Inbox, inboxes(crowd, of(crowd)[name]-a.Pairs[len(pairs)-1]))
		a.Receipt = round(max(0, of(reads)[name]-deploy.CostAt(c.Rates, a.Pairs, perSecond(reads))) / max(receipts, 1e-9))
		into[name] = a
	}
}

// inboxes is each one's part, beyond two, of what a group's message costs more than a pair's.
func inboxes(r imload.Result, more float64) float64 {
	return round(max(0, more) / float64(r.Members-2))
}

// perSecond is how many messages were said a second.
func perSecond(r imload.Result) float64 {
	return r.DeliveredPerS * float64(r.Sent) / float64(max(r.Delivered, 1))
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

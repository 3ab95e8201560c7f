// A difference for people, one line each: + will be created, ~ will be altered, ! needs a person.

package deploy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/topology"
)

// String is the difference for people.
func (d Difference) String() string {
	var b strings.Builder
	line := func(sign, topic, format string, args ...any) {
		fmt.Fprintf(&b, "%s %-*s  %s\n", sign, d.width(), topic, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "cluster %s, %s\n", d.ClusterID, count(d.Brokers, "broker"))
	for _, s := range d.Missing {
		line("+", s.Name, "%s, %s, %s", count(int(s.Partitions), "partition"), count(int(s.Replication), "replica"), keeps(s))
	}
	for _, c := range d.Settings {
		sign, warning := "~", ""
		if c.Loses {
			sign, warning = "!", "; RECORDS WOULD BE LOST"
		}
		have := c.Have
		if have == "" {
			have = "(unset)"
		}
		if c.Have == c.Want {
			have += " (by default)"
		}
		line(sign, c.Topic, "%s %s -> %s  (%s%s)", c.Key, have, c.Want, c.Why, warning)
	}
	for _, m := range d.Partitions {
		line("!", m.Topic, "has %s, the plan says %d; never grown nor shrunk", count(m.Have, "partition"), m.Want)
	}
	for _, m := range d.Replication {
		line("!", m.Topic, "has %s, the plan says %d; reassign by hand", count(m.Have, "replica"), m.Want)
	}
	for _, name := range d.Leaderless {
		line("!", name, "has a partition without a leader: is a broker down?")
	}
	for _, f := range d.Foreign {
		line("!", f.Topic, "%s=%s was set by hand and is not the plan's; left alone", f.Key, f.Value)
	}
	for _, name := range d.Extra {
		line("!", name, "is not in the plan; left alone")
	}
	b.WriteString(d.total() + "\n")
	return b.String()
}

// total is the last line.
func (d Difference) total() string {
	if !d.Drift() {
		return "the cluster is as the plan says"
	}
	inTheWay := len(d.Partitions) + len(d.Replication)
	for _, c := range d.Settings {
		if c.Loses {
			inTheWay++
		}
	}
	return fmt.Sprintf("%d to create, %d to alter, %d in the way", len(d.Missing), len(d.Settings), inTheWay)
}

// JSON is the difference for tools, indented, with a last newline; it never holds null.
func (d Difference) JSON() ([]byte, error) {
	d.Missing = list(d.Missing)
	d.Settings = list(d.Settings)
	d.Partitions = list(d.Partitions)
	d.Replication = list(d.Replication)
	d.Leaderless = list(d.Leaderless)
	d.Foreign = list(d.Foreign)
	d.Extra = list(d.Extra)
	text, err := json.MarshalIndent(struct {
		Difference
		Drift bool `json:"drift"`
	}{d, d.Drift()}, "", "  ")
	return append(text, '\n'), err
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// width is that of the widest topic name.
func (d Difference) width() int {
	width := 0
	for _, s := range d.Missing {
		width = max(width, len(s.Name))
	}
	for _, c := range d.Settings {
		width = max(width, len(c.Topic))
	}
	for _, m := range append(append([]CountMismatch{}, d.Partitions...), d.Replication...) {
		width = max(width, len(m.Topic))
	}
	for _, f := range d.Foreign {
		width = max(width, len(f.Topic))
	}
	for _, name := range append(append([]string{}, d.Leaderless...), d.Extra...) {
		width = max(width, len(name))
	}
	return width
}

// keeps says how long a new topic keeps its records.
func keeps(s TopicSpec) string {
	if s.Get("cleanup.policy") == "compact" {
		return "newest of each key"
	}
	ms, err := strconv.ParseInt(s.Get("retention.ms"), 10, 64)
	if err != nil || ms < 0 {
		return "for ever"
	}
	return topology.InWords(time.Duration(ms) * time.Millisecond)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

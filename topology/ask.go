// Queries of the plan: who reads a topic, what kind it is, how long it keeps records.

package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// IsCommand reports whether a topic holds commands.
func (t Topic) IsCommand() bool { return strings.HasSuffix(t.Name, commandSuffix) }

// IsEvent reports whether a topic holds events.
func (t Topic) IsEvent() bool { return strings.HasSuffix(t.Name, eventSuffix) }

// Gateway returns the gateway of that name.
func (p Plan) Gateway(name string) (Gateway, bool) {
	for _, g := range p.Gateways {
		if g.Name == name {
			return g, true
		}
	}
	return Gateway{}, false
}

// Readers are the parts that read a topic, as "group NAME", "view NAME" and "gateway NAME", in the order of the plan.
func (p Plan) Readers(topic string) []string {
	var readers []string
	for _, g := range p.Groups {
		if g.Input == topic {
			readers = append(readers, "group "+g.Name)
		}
	}
	for _, v := range p.Views {
		if slices.Contains(v.Input, topic) {
			readers = append(readers, "view "+v.Name)
		}
	}
	for _, g := range p.Gateways {
		if slices.Contains(g.Hears, topic) {
			readers = append(readers, "gateway "+g.Name)
		}
	}
	return readers
}

// parts are the names of all groups, views and gateways.
func (p Plan) parts() []string {
	var names []string
	for _, g := range p.Groups {
		names = append(names, g.Name)
	}
	for _, v := range p.Views {
		names = append(names, v.Name)
	}
	for _, g := range p.Gateways {
		names = append(names, g.Name)
	}
	return names
}

// InWords is a retention for people: "for ever", "7 days", "90m0s".
func InWords(retention time.Duration) string {
	switch {
	case retention == forEver:
		return "for ever"
	case retention == days:
		return "1 day"
	case retention%days == 0:
		return fmt.Sprintf("%d days", retention/days)
	}
	return retention.String()
}

// The plan as Kafka Streams' Topology.describe() prints one, so that tools which draw that text can draw it.

package draw

import (
	"fmt"
	"strings"

	"github.com/parley-im/parley/topology"
)

// Describe prints each group as a sub-topology of a source, a processor with its store, and a sink a topic; and each
// view and listening gateway as one without sinks.
func Describe(p topology.Plan) string {
	var b strings.Builder
	fmt.Fprintln(&b, "Topologies:")
	number := 0
	sub := func(name string, inputs []string, store string, outputs []string) {
		describe(&b, number, name, inputs, store, outputs)
		number++
	}
	for _, g := range p.Groups {
		sub("processor/"+g.Name, []string{g.Input}, p.Table(g.Name), append(append([]string{}, g.Output...), topology.DeadLetters))
	}
	for _, v := range p.Views {
		sub("view/"+v.Name, v.Input, v.Store, nil)
	}
	for _, g := range p.Gateways {
		if len(g.Hears) > 0 {
			sub("gateway/"+g.Name, g.Hears, "", nil)
		}
	}
	return b.String()
}

// describe prints one sub-topology. Names of nodes are unique in the whole text, as Kafka Streams requires.
func describe(b *strings.Builder, number int, name string, inputs []string, store string, outputs []string) {
	sink := func(topic string) string { return name + "/to/" + topic }
	sinks := make([]string, len(outputs))
	for i, topic := range outputs {
		sinks[i] = sink(topic)
	}
	next := "none"
	if len(sinks) > 0 {
		next = strings.Join(sinks, ", ")
	}
	fmt.Fprintf(b, "   Sub-topology: %d\n", number)
	fmt.Fprintf(b, "    Source: %s/from (topics: [%s])\n      --> %s\n", name, strings.Join(inputs, ", "), name)
	fmt.Fprintf(b, "    Processor: %s (stores: [%s])\n      --> %s\n      <-- %s/from\n", name, store, next, name)
	for _, topic := range outputs {
		fmt.Fprintf(b, "    Sink: %s (topic: %s)\n      <-- %s\n", sink(topic), topic, name)
	}
	fmt.Fprintln(b)
}

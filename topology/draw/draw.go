// Package draw shows the plan to people: TOPOLOGY.md with a picture and tables, the text that Kafka Streams would print,
// and the same as text for a terminal or as JSON for tools. It draws the plan and nothing else.
package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-im/parley/topology"
)

// Markdown is the whole of TOPOLOGY.md.
func Markdown(p topology.Plan) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The topology of %s", p.Name)
	line("")
	line("Drawn from `topology/plan.go`; do not edit. `go test ./topology/draw -update` draws it anew.")
	line("")
	line("%s", summary(p))
	line("")
	line("## The path of a message")
	line("")
	line("Round ends are topics, boxes are groups with their tables, cylinders are stores, hexagons are gateways. Every group also")
	line("writes `%s`, left out of the picture. Thick lines are the path of a message, dotted ones other readers.", topology.DeadLetters)
	line("")
	line("```mermaid")
	b.WriteString(Mermaid(p))
	line("```")
	for _, s := range sections(p) {
		line("")
		line("## %s", s.title)
		line("")
		b.WriteString(s.markdown())
	}
	line("")
	line("## As Kafka Streams would describe it")
	line("")
	line("```")
	b.WriteString(Describe(p))
	line("```")
	line("")
	line("## Laws")
	line("")
	for i, law := range topology.Laws() {
		line("%d. **%s.** %s", i+1, law.Name, escape(law.Holds))
	}
	return b.String()
}

// Text is the plan for a terminal: the tables of TOPOLOGY.md in columns.
func Text(p topology.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(summary(p), "`", ""))
	for _, s := range sections(p) {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(s.title))
		b.WriteString(s.columns())
	}
	return b.String()
}

// summary is the plan in two lines.
func summary(p topology.Plan) string {
	return fmt.Sprintf("Log epoch %d. Each topic and table has %d partitions and %d replicas, of which %d must have a record before it\n"+
		"counts as written. A message reaches every inbox itself up to %d members.", p.Epoch, p.Partitions, p.Replication, p.MinInsync, p.FanOut)
}

// section is one table.
type section struct {
	title string
	head  []string
	rows  [][]string
}

func sections(p topology.Plan) []section {
	topics := section{title: "Topics", head: []string{"topic", "partitions", "retention", "cleanup", "envelope", "writers", "readers", "why"}}
	for _, t := range p.Topics {
		readers := p.Readers(t.Name)
		if len(readers) == 0 {
			readers = []string{"operators"}
		}
		topics.add(code(t.Name), fmt.Sprint(p.Partitions), topology.InWords(t.Retention), "delete", code(t.Envelope),
			strings.Join(t.Writers, ", "), strings.Join(readers, ", "), t.Why)
	}
	tables := section{title: "Tables", head: []string{"changelog", "partitions", "retention", "cleanup", "row", "written and recovered by"}}
	groups := section{title: "Groups", head: []string{"group", "number", "key", "folds", "says", "row", "what the row holds"}}
	for _, g := range p.Groups {
		tables.add(code(p.Table(g.Name)), fmt.Sprint(p.Partitions), "newest of each key", "compact", code(g.State), "group "+g.Name)
		groups.add(g.Name, fmt.Sprint(g.Number), g.Key, code(g.Input), code(g.Output...), code(g.State), g.Row)
	}
	views := section{title: "Views", head: []string{"view", "folds", "store", "keeps", "consumer group"}}
	for _, v := range p.Views {
		views.add(v.Name, code(v.Input...), v.Store, v.Keeps, code(p.ViewConsumer(v.Name)))
	}
	gateways := section{title: "Gateways", head: []string{"gateway", "says", "hears", "why"}}
	for _, g := range p.Gateways {
		gateways.add(g.Name, orDash(code(g.Says...)), orDash(code(g.Hears...)), g.Why)
	}
	return []section{topics, tables, groups, views, gateways}
}

func (s *section) add(row ...string) { s.rows = append(s.rows, row) }

// markdown is the section as a table of Markdown.
func (s section) markdown() string {
	var b strings.Builder
	write := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	write(s.head)
	write(slices.Repeat([]string{"---"}, len(s.head)))
	for _, row := range s.rows {
		escaped := make([]string, len(row))
		for i, cell := range row {
			escaped[i] = escape(cell)
		}
		write(escaped)
	}
	return b.String()
}

// columns is the section in aligned columns; the last column is not limited.
func (s section) columns() string {
	table := append([][]string{s.head}, s.rows...)
	width := make([]int, len(s.head))
	for _, row := range table {
		for i, cell := range row {
			width[i] = max(width[i], len(plain(cell)))
		}
	}
	var b strings.Builder
	for _, row := range table {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = fmt.Sprintf("%-*s", width[i], plain(cell))
		}
		fmt.Fprintln(&b, strings.TrimRight("  "+strings.Join(cells, "  "), " "))
	}
	return b.String()
}

// code marks names as Markdown's code.
func code(names ...string) string {
	marked := make([]string, len(names))
	for i, name := range names {
		marked[i] = "`" + name + "`"
	}
	return strings.Join(marked, ", ")
}

// escape escapes what Markdown would interpret.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, " -> ", " → ", "<", "&lt;", ">", "&gt;").Replace(s)
}

func plain(cell string) string { return strings.ReplaceAll(cell, "`", "") }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

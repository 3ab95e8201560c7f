// The picture: a message enters at the top, walks down through the groups and comes out at the stores and doors.

package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parley-im/parley/topology"
)

// styles give each kind of node one colour that reads on light and dark pages.
const styles = `  classDef door fill:#ffe8cc,stroke:#d9480f,color:#212529
  classDef command fill:#e7f5ff,stroke:#1971c2,color:#212529
  classDef event fill:#ebfbee,stroke:#2f9e44,color:#212529
  classDef group fill:#fff9db,stroke:#e67700,color:#212529
  classDef store fill:#f3f0ff,stroke:#6741d9,color:#212529
  classDef frame fill:transparent,stroke:#adb5bd,color:#868e96
`

// Mermaid is the plan as a flowchart.
func Mermaid(p topology.Plan) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintln(&b, strings.TrimRight("  "+fmt.Sprintf(format, args...), " "))
	}
	fmt.Fprintln(&b, "flowchart TD")
	for _, g := range p.Gateways {
		if len(g.Says) > 0 {
			line(`%s{{"%s"}}:::door`, id("gateway", g.Name), g.Name)
		}
	}
	drawLog(p, line)
	line("")
	line(`subgraph stores["views and doors"]`)
	line("  direction LR")
	for _, v := range p.Views {
		line(`  %s[("%s<br/>%s")]:::store`, id("view", v.Name), v.Name, v.Store)
	}
	for _, g := range p.Gateways {
		if len(g.Says) == 0 {
			line(`  %s{{"%s"}}:::door`, id("gateway", g.Name), g.Name)
		}
	}
	line("end")
	line("")
	drawArrows(p, line)
	b.WriteString(styles)
	for _, g := range p.Groups {
		line("class %s frame", id("walk", g.Name))
	}
	line("class stores frame")
	return b.String()
}

// drawLog draws each group between what it folds and what it says, in the order of the walk.
func drawLog(p topology.Plan, line func(string, ...any)) {
	for _, g := range p.Groups {
		line("")
		line(`subgraph %s["by %s"]`, id("walk", g.Name), g.Key)
		line("  direction TB")
		for _, t := range p.Topics {
			if t.Name == g.Input {
				line(`  %s(["%s"]):::command`, id("topic", t.Name), t.Name)
			}
		}
		line(`  %s["<b>%s</b><br/>%s"]:::group`, id("group", g.Name), g.Name, strings.ReplaceAll(g.Row, "->", "→"))
		for _, t := range p.Topics {
			if t.IsEvent() && slices.Contains(t.Writers, g.Name) {
				line(`  %s(["%s"]):::event`, id("topic", t.Name), t.Name)
			}
		}
		line("end")
	}
}

// drawArrows draws who writes and who reads: thick where a message walks on, which by the plan's order is from a group
// to its events and to the next group; thin where something else is asked; dotted where a view or a door looks on.
func drawArrows(p topology.Plan, line func(string, ...any)) {
	for _, g := range p.Gateways {
		for _, topic := range g.Says {
			line("%s %s %s", id("gateway", g.Name), arrow(len(p.Groups) > 0 && topic == p.Groups[0].Input), id("topic", topic))
		}
	}
	for i, g := range p.Groups {
		line("%s ==> %s", id("topic", g.Input), id("group", g.Name))
		for _, topic := range g.Output {
			t, _ := p.Topic(topic)
			next := i+1 < len(p.Groups) && topic == p.Groups[i+1].Input
			line("%s %s %s", id("group", g.Name), arrow(next || t.IsEvent()), id("topic", topic))
		}
	}
	for _, v := range p.Views {
		for _, topic := range v.Input {
			line("%s -.-> %s", id("topic", topic), id("view", v.Name))
		}
	}
	for _, g := range p.Gateways {
		for _, topic := range g.Hears {
			line("%s -.-> %s", id("topic", topic), id("gateway", g.Name))
		}
	}
}

func arrow(walk bool) string {
	if walk {
		return "==>"
	}
	return "-->"
}

// id is a node's id, without the letters that Mermaid takes for syntax.
func id(kind, name string) string {
	return kind + "_" + strings.NewReplacer(".", "_", "-", "_").Replace(name)
}

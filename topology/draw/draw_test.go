// What is drawn is kept as golden files, TOPOLOGY.md among them; -update draws them anew.

package draw

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gotest.tools/v3/golden"

	"github.com/parley-im/parley/topology"
)

func TestGolden(t *testing.T) {
	text, err := JSON(topology.House())
	require.NoError(t, err)
	for file, now := range map[string]string{
		"../../TOPOLOGY.md": Markdown(topology.House()),
		"house.txt":         Text(topology.House()),
		"house.json":        string(text),
		"describe.txt":      Describe(topology.House()),
		"house.mermaid":     Mermaid(topology.House()),
	} {
		t.Run(file, func(t *testing.T) {
			golden.Assert(t, now, file)
		})
	}
}

// A part that the plan gained must not be missing in a drawing.
func TestNothingIsLeftOut(t *testing.T) {
	p := topology.House()
	var names []string
	for _, topic := range p.Topics {
		names = append(names, topic.Name)
	}
	for _, g := range p.Groups {
		names = append(names, p.Table(g.Name), g.State)
	}
	for _, v := range p.Views {
		names = append(names, v.Name)
	}
	for _, g := range p.Gateways {
		names = append(names, g.Name)
	}
	for _, name := range names {
		require.Contains(t, Markdown(p), name)
		require.Contains(t, Text(p), name)
	}
}

// Every arrow of the picture joins two nodes that are drawn: Mermaid would otherwise invent a bare one.
func TestEveryArrowJoinsDrawnNodes(t *testing.T) {
	picture := Mermaid(topology.House())
	drawn := map[string]bool{}
	for _, node := range regexp.MustCompile(`(?m)^\s*(\w+)[\[({]`).FindAllStringSubmatch(picture, -1) {
		require.False(t, drawn[node[1]], "%s is drawn twice", node[1])
		drawn[node[1]] = true
	}
	arrows := regexp.MustCompile(`(?m)^\s*(\w+) (?:-->|==>|-\.->) (\w+)$`).FindAllStringSubmatch(picture, -1)
	require.NotEmpty(t, arrows)
	for _, arrow := range arrows {
		require.True(t, drawn[arrow[1]], "%s has an arrow and no node", arrow[1])
		require.True(t, drawn[arrow[2]], "%s has an arrow and no node", arrow[2])
	}
	require.Equal(t, strings.Count(picture, "subgraph "), strings.Count(picture, "\n  end"))
}

// Node names of Kafka Streams' text are unique, and every --> has its <--.
func TestDescribeIsWellFormed(t *testing.T) {
	text := Describe(topology.House())
	seen := map[string]bool{}
	for _, node := range regexp.MustCompile(`(?m)^    (?:Source|Processor|Sink): (\S+) `).FindAllStringSubmatch(text, -1) {
		require.False(t, seen[node[1]], "%s stands twice", node[1])
		seen[node[1]] = true
	}
	for _, to := range regexp.MustCompile(`(?m)^      (?:-->|<--) (.*)$`).FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(to[1], ", ") {
			require.True(t, name == "none" || seen[name], "%s is no node", name)
		}
	}
}

func TestJSONHasNoNull(t *testing.T) {
	text, err := JSON(topology.House())
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	require.NotContains(t, string(text), "null")
}

// The plan as JSON, for tools: the plan and the names that are derived from it.

package draw

import (
	"encoding/json"

	"github.com/parley-im/parley/topology"
)

type planJSON struct {
	Name        string        `json:"name"`
	Epoch       uint32        `json:"epoch"`
	Partitions  int32         `json:"partitions"`
	Replication int16         `json:"replication"`
	MinInsync   int16         `json:"min_insync"`
	FanOut      int           `json:"fan_out"`
	Topics      []topicJSON   `json:"topics"`
	Groups      []groupJSON   `json:"groups"`
	Views       []viewJSON    `json:"views"`
	Gateways    []gatewayJSON `json:"gateways"`
}

type topicJSON struct {
	Name        string   `json:"name"`
	Envelope    string   `json:"envelope"`
	Writers     []string `json:"writers"`
	Readers     []string `json:"readers"`
	RetentionMs int64    `json:"retention_ms"` // -1 = for ever, as in Kafka
	Why         string   `json:"why"`
}

type groupJSON struct {
	Name     string   `json:"name"`
	Number   uint16   `json:"number"`
	Key      string   `json:"key"`
	Input    string   `json:"input"`
	Output   []string `json:"output"`
	Table    string   `json:"table"`
	State    string   `json:"state"`
	Row      string   `json:"row"`
	Consumer string   `json:"consumer"`
}

type viewJSON struct {
	Name     string   `json:"name"`
	Input    []string `json:"input"`
	Store    string   `json:"store"`
	Keeps    string   `json:"keeps"`
	Consumer string   `json:"consumer"`
}

type gatewayJSON struct {
	Name     string   `json:"name"`
	Says     []string `json:"says"`
	Hears    []string `json:"hears"`
	Why      string   `json:"why"`
	Consumer string   `json:"consumer,omitempty"` // only of those that follow topics
}

// JSON is the plan for tools, indented, with a last newline.
func JSON(p topology.Plan) ([]byte, error) {
	j := planJSON{Name: p.Name, Epoch: p.Epoch, Partitions: p.Partitions, Replication: p.Replication, MinInsync: p.MinInsync, FanOut: p.FanOut}
	for _, t := range p.Topics {
		retention := t.Retention.Milliseconds()
		if retention == 0 {
			retention = -1
		}
		j.Topics = append(j.Topics, topicJSON{t.Name, t.Envelope, list(t.Writers), list(p.Readers(t.Name)), retention, t.Why})
	}
	for _, g := range p.Groups {
		j.Groups = append(j.Groups, groupJSON{g.Name, g.Number, g.Key, g.Input, list(g.Output), p.Table(g.Name), g.State, g.Row, p.Consumer(g.Name)})
	}
	for _, v := range p.Views {
		j.Views = append(j.Views, viewJSON{v.Name, list(v.Input), v.Store, v.Keeps, p.ViewConsumer(v.Name)})
	}
	for _, g := range p.Gateways {
		gateway := gatewayJSON{Name: g.Name, Says: list(g.Says), Hears: list(g.Hears), Why: g.Why}
		if len(g.Hears) > 0 {
			gateway.Consumer = p.GatewayConsumer(g.Name)
		}
		j.Gateways = append(j.Gateways, gateway)
	}
	text, err := json.MarshalIndent(j, "", "  ")
	return append(text, '\n'), err
}

// list is never null in JSON: tools iterate over it without a check.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

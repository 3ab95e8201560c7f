// The machines of each kind: what they are asked for, and how many are needed.

package capacity

import (
	"math"
	"slices"

	"github.com/parley-im/parley/gateways/door"
	"github.com/parley-im/parley/topology"
)

// How full a machine may be in the busiest second. The rest is for taking over from a failed one, and for growth.
const (
	fullCPU     = 0.6
	fullMemory  = 0.7
	fullDisk    = 0.7
	fullNetwork = 0.5
)

// Use is what a kind of machine needs of one resource, and what one machine provides.
type Use struct {
	Resource string  `json:"resource"`
	Unit     string  `json:"unit"`
	Need     float64 `json:"need"`
	Each     float64 `json:"each"`
	FullAt   float64 `json:"full_at_messages_per_second,omitempty"` // with the machines that are needed

	fixed bool // it does not grow with every message, so it is never the first to be full
}

// Machines are those of one kind.
type Machines struct {
	Kind     string  `json:"kind"`
	Needed   int     `json:"needed"`
	Copies   int     `json:"copies"` // of each: replicas of a store
	Total    int     `json:"total"`  // with copies and spares
	Machine  Shape   `json:"machine"`
	CPU      float64 `json:"cpu_cores"` // that are busy in the busiest second
	MonthFor float64 `json:"cost_per_month"`
	Uses     []Use   `json:"uses"`
}

// cpu is how many cores are busy, spread over so many machines.
func (n *planner) cpu(kind string, machines int) float64 {
	rate := n.at.Messages / float64(machines)
	cores := n.at.Messages / 1000 * n.costs.of(n.costs.CPU[kind], rate, n.load)
	if kind == "kafka" {
		cores *= float64(n.Replication)
	}
	return cores
}

// busyCPU is how many cores that needs on busy machines, which is what they must have.
func (n *planner) busyCPU(kind string) Use {
	each := n.shapes[kind].Cores * fullCPU
	cores := n.at.Messages / 1000 * n.costs.of(n.costs.CPU[kind], busy, n.load)
	if kind == "kafka" {
		cores *= float64(n.Replication) // a replica is counted like the first copy
	}
	return Use{Resource: "CPU", Unit: "cores", Need: cores, Each: each}
}

func (n *planner) kafka(partitions int, d Disks) Machines {
	copies, s := float64(n.Replication), n.shapes["kafka"]
	topics := float64(len(topology.House().Topics)+len(topology.House().Groups)) * copies * float64(partitions)
	return n.need("kafka", 1, n.Replication, n.busyCPU("kafka"),
		Use{Resource: "disk", Unit: "GiB", Need: (d.Log + d.Tables) / gib, Each: s.Disk * fullDisk},
		Use{Resource: "network in", Unit: "Gbit/s", Need: n.at.LogIn * copies / gbit, Each: s.Network * fullNetwork},
		Use{Resource: "network out", Unit: "Gbit/s", Need: (n.at.LogOut + n.at.LogIn*(copies-1)) / gbit, Each: s.Network * fullNetwork},
		Use{Resource: "partition replicas", Unit: "", Need: topics, Each: replicasOfBroker, fixed: true})
}

func (n *planner) processors() Machines {
	in, out := 0.0, 0.0
	for _, topic := range n.topics() {
		if slices.ContainsFunc(topology.House().Groups, func(g topology.Group) bool { return g.Input == topic }) {
			in += n.bytes(topic)
		}
		if t, ok := topology.House().Topic(topic); !ok || !slices.Contains(t.Writers, "session") {
			out += n.bytes(topic)
		}
	}
	s := n.shapes["processors"]
	return n.need("processors", 1, 1, n.busyCPU("processors"),
		Use{Resource: "disk", Unit: "GiB", Need: n.rows() * localCopies / gib, Each: s.Disk * fullDisk},
		Use{Resource: "network", Unit: "Gbit/s", Need: max(in, out) / gbit, Each: s.Network * fullNetwork})
}

func (n *planner) views() Machines {
	in := 0.0
	for _, v := range topology.House().Views {
		for _, topic := range v.Input {
			in += n.bytes(topic)
		}
	}
	return n.need("views", 1, 1, n.busyCPU("views"),
		Use{Resource: "network", Unit: "Gbit/s", Need: in / gbit, Each: n.shapes["views"].Network * fullNetwork})
}

func (n *planner) dispatch() Machines {
	return n.need("dispatch", 1, 1, n.busyCPU("dispatch"), n.memory("dispatch"),
		Use{Resource: "network", Unit: "Gbit/s", Need: n.bytes(pushed()) / gbit, Each: n.shapes["dispatch"].Network * fullNetwork})
}

func (n *planner) gateway() Machines {
	return n.need("gateway", 1, 1, n.busyCPU("gateway"), n.memory("gateway"),
		Use{Resource: "connections", Unit: "", Need: n.at.Connections, Each: float64(door.Limits{}.OrDefaults().Connections)},
		Use{Resource: "network", Unit: "Gbit/s", Need: n.at.ToClients / gbit, Each: n.shapes["gateway"].Network * fullNetwork})
}

// memory is what connections need; on each machine the process itself takes its part.
func (n *planner) memory(kind string) Use {
	own := n.costs.Process[kind] * mib / gib
	return Use{Resource: "memory", Unit: "GiB", Need: n.at.Connections * n.costs.Connection[kind] * kib / gib,
		Each: max(n.shapes[kind].Memory*fullMemory-own, n.shapes[kind].Memory*fullMemory/10)}
}

func (n *planner) redis(d Disks) Machines {
	return n.need("redis", min(redisCopies, n.Replication), 1, n.busyCPU("redis"),
		Use{Resource: "memory", Unit: "GiB", Need: d.Redis / gib / float64(min(redisCopies, n.Replication)), Each: n.shapes["redis"].Memory * fullMemory})
}

func (n *planner) documents(d Disks) Machines {
	return n.need("mongo", n.Replication, 1, n.busyCPU("mongo"),
		Use{Resource: "disk", Unit: "GiB", Need: d.Documents / gib / float64(n.Replication), Each: n.shapes["mongo"].Disk * fullDisk})
}

// need counts the machines of a kind: as many as its scarcest resource needs, and no fewer than least.
func (n *planner) need(kind string, copies, least int, uses ...Use) Machines {
	m := Machines{Kind: kind, Copies: copies, Needed: least, Machine: n.shapes[kind]}
	for _, u := range uses {
		if u.Need > 0 {
			m.Needed = max(m.Needed, int(math.Ceil(u.Need/u.Each)))
			m.Uses = append(m.Uses, u)
		}
	}
	return m
}

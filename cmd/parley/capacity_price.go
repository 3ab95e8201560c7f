// What machines are like and what they cost: shapes by kind, unit prices, and the bill.

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// shape is what one machine of a kind has.
type shape struct {
	Cores   float64 `json:"cores"`
	Memory  float64 `json:"memory_gib"`
	Disk    float64 `json:"disk_gib"`
	Network float64 `json:"network_gbit"`
}

func (s shape) String() string {
	return fmt.Sprintf("%g/%g/%g/%g", s.Cores, s.Memory, s.Disk, s.Network)
}

// shapes are ordinary machines of these jobs. Redis does its work on one core, so it is given no more.
var shapes = map[string]shape{
	"kafka":      {16, 64, 16_384, 12.5},
	"processors": {16, 32, 512, 12.5},
	"views":      {16, 32, 64, 12.5},
	"dispatch":   {8, 32, 64, 12.5},
	"gateway":    {8, 32, 64, 12.5},
	"redis":      {1, 64, 128, 12.5},
	"mongo":      {16, 128, 8_192, 12.5},
}

func kinds() []string { return slices.Sorted(maps.Keys(shapes)) }

// shapesOf are the shapes with those that were named otherwise.
func shapesOf(said map[string]string) (map[string]shape, error) {
	all := maps.Clone(shapes)
	for kind, words := range said {
		if _, ok := all[kind]; !ok {
			return nil, fmt.Errorf("--machine %s: no kind is called so: want %s", kind, strings.Join(kinds(), ", "))
		}
		parts := strings.Split(words, "/")
		var n [4]float64
		for i, part := range parts {
			x, err := strconv.ParseFloat(part, 64)
			if err != nil || x <= 0 || len(parts) != len(n) {
				return nil, fmt.Errorf("--machine %s=%s: want cores/GiB memory/GiB disk/Gbit a second, such as %s", kind, words, all[kind])
			}
			n[i] = x
		}
		all[kind] = shape{n[0], n[1], n[2], n[3]}
	}
	return all, nil
}

// prices are of one unit; of cores, memory and disk for a month.
type prices struct {
	Core    float64 `json:"core"`
	Memory  float64 `json:"memory_gib"`
	Disk    float64 `json:"disk_gib"`
	Network float64 `json:"network_gib"` // sent to clients; inside it is taken as free
}

// defaultPrices are round figures in dollars near what large clouds ask without a contract. They are no offer of anybody.
var defaultPrices = prices{Core: 20, Memory: 2.5, Disk: 0.08, Network: 0.02}

// machine is what one costs for a month.
func (p prices) machine(s shape) float64 { return s.Cores*p.Core + s.Memory*p.Memory + s.Disk*p.Disk }

// bill is for a month.
type bill struct {
	Machines float64 `json:"machines"`
	Network  float64 `json:"network"`
	Total    float64 `json:"total"`
	PerUser  float64 `json:"per_user"`
	Per1M    float64 `json:"per_million_messages"`
}

func (n *planner) bill(plan capacityPlan, p prices) bill {
	var b bill
	for _, m := range plan.Machines {
		b.Machines += m.MonthFor
	}
	b.Network = n.at.ToClients / n.Peak * monthly.Seconds() / gib * p.Network
	b.Total = b.Machines + b.Network
	b.PerUser = b.Total / n.Users
	b.Per1M = b.Total / (n.at.MeanMessages * monthly.Seconds()) * 1e6
	return b
}

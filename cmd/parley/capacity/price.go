// The kinds of machines and what they cost: a shape of each kind, unit prices, and the bill.

package capacity

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shape is what one machine of a kind has.
type Shape struct {
	Cores   float64 `json:"cores"`
	Memory  float64 `json:"memory_gib"`
	Disk    float64 `json:"disk_gib"`
	Network float64 `json:"network_gbit"`
}

func (s Shape) String() string {
	return fmt.Sprintf("%g/%g/%g/%g", s.Cores, s.Memory, s.Disk, s.Network)
}

// defaultShapes are ordinary machines for these jobs. Redis works on one core, so it has no more.
var defaultShapes = map[string]Shape{
	"kafka":      {16, 64, 16_384, 12.5},
	"processors": {16, 32, 512, 12.5},
	"views":      {16, 32, 64, 12.5},
	"dispatch":   {8, 32, 64, 12.5},
	"gateway":    {8, 32, 64, 12.5},
	"redis":      {1, 64, 128, 12.5},
	"mongo":      {16, 128, 8_192, 12.5},
}

// Kinds are the kinds of machines.
func Kinds() []string { return slices.Sorted(maps.Keys(defaultShapes)) }

// Shapes are the default shapes with those that are given as cores/GiB memory/GiB disk/Gbit a second, by kind.
func Shapes(given map[string]string) (map[string]Shape, error) {
	all := maps.Clone(defaultShapes)
	for kind, text := range given {
		if _, ok := all[kind]; !ok {
			return nil, fmt.Errorf("--machine %s: no such kind of machine: want %s", kind, strings.Join(Kinds(), ", "))
		}
		parts := strings.Split(text, "/")
		var n [4]float64
		for i, part := range parts {
			x, err := strconv.ParseFloat(part, 64)
			if err != nil || x <= 0 || len(parts) != len(n) {
				return nil, fmt.Errorf("--machine %s=%s: want cores/GiB memory/GiB disk/Gbit a second, such as %s", kind, text, all[kind])
			}
			n[i] = x
		}
		all[kind] = Shape{n[0], n[1], n[2], n[3]}
	}
	return all, nil
}

// Prices are of one unit; of cores, memory and disk for a month.
type Prices struct {
	Core    float64 `json:"core"`
	Memory  float64 `json:"memory_gib"`
	Disk    float64 `json:"disk_gib"`
	Network float64 `json:"network_gib"` // sent to clients; internal traffic is taken as free
}

// DefaultPrices are round figures in dollars near the list prices of large clouds.
var DefaultPrices = Prices{Core: 20, Memory: 2.5, Disk: 0.08, Network: 0.02}

// machine is what one costs for a month.
func (p Prices) machine(s Shape) float64 { return s.Cores*p.Core + s.Memory*p.Memory + s.Disk*p.Disk }

// Bill is for a month.
type Bill struct {
	Machines float64 `json:"machines"`
	Network  float64 `json:"network"`
	Total    float64 `json:"total"`
	PerUser  float64 `json:"per_user"`
	Per1M    float64 `json:"per_million_messages"`
}

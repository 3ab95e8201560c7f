// The flags of parley capacity, and what it answers to wrong ones.

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/cmd/parley/capacity"
)

func runCapacity(args ...string) (string, error) {
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetArgs(append([]string{"capacity"}, args...))
	err := c.Execute()
	return out.String(), err
}

func TestCapacityCommand(t *testing.T) {
	text, err := runCapacity("--preset", "small")
	require.NoError(t, err)
	for _, want := range []string{"10,000 users", "MACHINES", "kafka", "Full first:", "A month:", "NOTES", "measured 2"} {
		require.Contains(t, text, want)
	}
	printed, err := runCapacity("--preset", "small", "--users", "20000", "--machine", "kafka=8/32/1024/10", "--output", "json")
	require.NoError(t, err)
	var p capacity.Plan
	require.NoError(t, json.Unmarshal([]byte(printed), &p))
	require.Equal(t, 20_000.0, p.Crowd.Users, "a flag wins")
	require.Equal(t, capacity.Presets["small"].Peak, p.Crowd.Peak, "the rest is the preset's")
	require.Equal(t, 8.0, p.Machines[0].Machine.Cores)
	require.False(t, strings.Contains(printed, "NaN") || math.IsInf(p.Cost.Total, 0))
}

func TestBadInputIsExplained(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"--users 1", "want 2 to"},
		{"--online 20", "share between 0 and 1"},
		{"--messages 0", "more than 0"},
		{"--direct 1.5", "the rest goes to groups"},
		{"--group-mean 1", "2 members or more"},
		{"--group-mean 50 --group-largest 20", "smaller than --group-mean"},
		{"--group-largest 1000", "at most 64 members"},
		{"--peak 0.5", "want 1 or more"},
		{"--replication 0", "want 1 to 7"},
		{"--retention -3", "want days"},
		{"--message-bytes 100000", "want 1 to 16384"},
		{"--preset tiny", "want 10m, 1b, small"},
		{"--machine kafka=16/64", "cores/GiB memory/GiB disk/Gbit"},
		{"--machine fridge=1/2/3/4", "no such kind of machine"},
		{"--output yaml", "want text or json"},
	} {
		_, err := runCapacity(strings.Fields(c.flags)...)
		require.ErrorContains(t, err, c.want, c.flags)
	}
}

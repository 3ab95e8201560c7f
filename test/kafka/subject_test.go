// What is put through a campaign: a plan, one of its machines, commands, and a check of what came out.

package kafka_test

import (
	"fmt"
	"testing"

	"github.com/parley-im/parley/topology"
	"github.com/parley-im/parley/topology/wire"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

// subject is a machine with its commands. Another machine is put through the campaigns by another subject.
type subject struct {
	plan    func(partitions int32, replication int16) topology.Plan
	machine func() topology.Machine

	// command is the i-th; its key says to which partition it goes.
	command func(i int) (topic, key string, value []byte)

	// missing counts the first n commands without outcome; faults names what must not be. Both read the log anew.
	missing func(t testing.TB, c wire.Cluster, n int) (missing int, repeats int, faults []string)
}

// subjects by name: child processes are told the name.
var subjects = map[string]subject{"counter": counter}

// counterKeys is the number of keys that commands go to.
const counterKeys = 500

func counterCommand(i int) string { return fmt.Sprintf("command-%07d", i) }

var counter = subject{
	plan:    wiretest.Plan,
	machine: wiretest.Counter,
	command: func(i int) (string, string, []byte) {
		// Spread, but the same in every run.
		return wiretest.Commands, fmt.Sprintf("user%d/x", (i*7919)%counterKeys), []byte(counterCommand(i))
	},
	missing: func(t testing.TB, c wire.Cluster, n int) (int, int, []string) {
		h := wiretest.NewHistory()
		if err := wire.Read(t.Context(), c, wiretest.Events, h.Take); err != nil {
			t.Fatal(err)
		}
		return h.Missing(n, counterCommand), h.Repeats, h.Faults()
	},
}

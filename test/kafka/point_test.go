// Members that die at exactly one step of their work, at each in turn. It needs a binary that can: -tags failpoints.

//go:build failpoints

package kafka_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/failpoint"
	"github.com/parley-im/parley/topology/wire/wiretest"
)

const (
	pointRounds = 2  // deaths at each point
	pointLate   = 20 // a point is come by at most so often before the death
)

// Points that the load comes by, and those that only a member's first steps do.
var (
	pointsUnderway = []failpoint.Point{
		failpoint.Fetched, failpoint.OutputsSome, failpoint.OutputsAll, failpoint.ChangelogSent, failpoint.ChangelogAcked,
		failpoint.StoreWritten, failpoint.CommitBefore, failpoint.CommitAfter,
	}
	pointsAtFirst = []failpoint.Point{
		failpoint.Recovery, failpoint.TakeoverBefore, failpoint.TakeoverWritten, failpoint.TakeoverRead, failpoint.TakeoverCommitted,
		failpoint.TakeoverFenced, failpoint.TakeoverRetired,
	}
)

// TestKillAtPoints kills members at each point while commands flow, on the Kafka of one's own machine.
func TestKillAtPoints(t *testing.T) {
	trap := filepath.Join(t.TempDir(), "trap")
	t.Setenv(failpoint.Env, trap)
	c := newCampaign(t, stage{"counter", "points", 7, 4}, wiretest.Kafka(t, wiretest.Plan(4, 1)).ListenAddrs(), 2)
	const commands, rate = 9_000, 300
	c.feed(commands, rate)
	for range pointRounds {
		for _, p := range pointsUnderway {
			require.NoError(t, os.WriteFile(trap, fmt.Appendf(nil, "%s=kill after %d", p, rand.IntN(pointLate)), 0o600))
			c.revive(string(p))
		}
		for _, p := range pointsAtFirst {
			require.NoError(t, os.WriteFile(trap, fmt.Appendf(nil, "%s=kill after 0", p), 0o600))
			c.members[rand.IntN(len(c.members))].restart(p == failpoint.Recovery)
			c.revive(string(p))
		}
	}
	c.verify(commands)
}

// revive waits until a member has died at a point, and starts it again.
func (c *campaign) revive(point string) {
	c.t.Helper()
	for end := time.Now().Add(campaignPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for _, m := range c.members {
			m.mu.Lock()
			exited := m.exited
			m.mu.Unlock()
			select {
			case <-exited:
				m.start()
				return
			default:
			}
		}
	}
	require.FailNow(c.t, "nobody comes there", point)
}

// The final check of the campaign must bite on real servers too: a house whose producers break a law goes through the same faults,
// and the campaign must fail, for the reason that something was lost.

package system

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/topology/wire/failpoint"
)

const (
	breakLaws  = "TEETH"          // the environment variable that lets the broken deployments run; they take minutes
	impatience = 60 * time.Second // with a house that does not heal
)

// told are the lines of a campaign that say how it went.
var told = regexp.MustCompile(`(?m)^.*(recovered after|faults are done|\.go:\d+: [A-Z]: |in vain|is not ready).*$`)

// TestBrokenLawsAreCaught runs campaigns of broken houses, each in a process of its own: they must fail.
func TestBrokenLawsAreCaught(t *testing.T) {
	if os.Getenv(breakLaws) == "" {
		t.Skip("SKIPPED: broken deployments take minutes; make broken-laws runs them")
	}
	for _, c := range []struct{ breach, faults, said string }{
		// What a process that dies had not sent, or had not kept in its row, is folded by nobody: outcomes never come, or two
		// messages have one number.
		{failpoint.BreachCommits, "failpoints of inputs,network: 100 ms away,processors killed", `\.go:\d+: [LODGSV]: `},
		// A leader that is cut from the other brokers goes on acknowledging, and forgets it all when the cut is healed. The house
		// notices before the final check: its changelogs end before what their owner knew, and it does not start any more.
		{failpoint.BreachAcks, "network: broker alone", "acknowledged records are gone"},
	} {
		t.Run(c.breach, func(t *testing.T) {
			campaign := exec.Command(os.Args[0], "-test.run=^TestCampaign$", "-test.v", "-test.timeout=20m")
			campaign.Env = append(os.Environ(), failpoint.BreachEnv+"="+c.breach, "FAULTS="+c.faults, "CAMPAIGN=slice", "PATIENCE="+impatience.String())
			said, err := campaign.CombinedOutput()
			if strings.Contains(string(said), "!!! SKIPPED: class 9") {
				t.Skip("SKIPPED: the faults that show it cannot be done here")
			}
			t.Logf("%s", strings.Join(told.FindAllString(string(said), -1), "\n"))
			require.Error(t, err, "a house that breaks the law %q passes the campaign", c.breach)
			require.Regexp(t, c.said, string(said), "it fails, but not for this")
		})
	}
}

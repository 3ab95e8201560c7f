// The campaign: processors are killed and frozen under load on real servers, and afterwards the log has to prove itself.

package house

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	parley "github.com/parley-im/parley/clients/go"
)

// The figures that the campaign promises.
const (
	campaignPeople   = 40
	campaignCommands = 20_000
	campaignKills    = 20
	campaignFreezes  = 5
	campaignTime     = 100 * time.Second // over which the commands are spread
	campaignSession  = 3 * time.Second   // group session timeout; a freeze lasts longer
)

// herd keeps processors alive: one that ends, by a kill or by its own law, is started again under the same name.
type herd struct {
	t       *testing.T
	start   func(i int) *exec.Cmd
	mu      sync.Mutex
	members []*exec.Cmd
	stopped bool
	deaths  int
	wg      sync.WaitGroup
}

func (h *herd) keep(i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return
	}
	c := h.start(i)
	h.members[i] = c
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		_ = c.Wait()
		h.mu.Lock()
		h.deaths++
		h.mu.Unlock()
		h.keep(i)
	}()
}

func (h *herd) signal(i int, s syscall.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.members[i].Process.Signal(s)
}

func (h *herd) stop() {
	h.mu.Lock()
	h.stopped = true
	for _, c := range h.members {
		_ = c.Process.Signal(syscall.SIGCONT)
		_ = c.Process.Signal(syscall.SIGTERM)
	}
	h.mu.Unlock()
	h.wg.Wait()
}

func TestProcessorsKilledAndFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: the campaign takes minutes; run without -short")
	}
	h, herd := startHerd(t, 2)
	p := h.people(t, numbered("c", campaignPeople)...)
	devices := make([]*Device, len(p))
	for i := range p {
		devices[i] = h.Online(t, p[i], "phone")
	}
	pairs := make([]string, len(p)/2)
	for i := range pairs {
		pairs[i] = direct(devices[2*i], p[2*i+1])
	}
	trio := group(devices[0], "trio", p[1], p[2])

	loaded := loadSlowly(devices, pairs, trio)
	for i := range campaignKills + campaignFreezes {
		victim := rand.IntN(len(herd.members))
		if i%5 == 4 {
			herd.signal(victim, syscall.SIGSTOP)
			time.Sleep(campaignSession + 2*time.Second)
			herd.signal(victim, syscall.SIGCONT)
		} else {
			herd.signal(victim, syscall.SIGKILL)
		}
		time.Sleep(time.Second + rand.N(3*time.Second))
	}
	<-loaded
	lastWords(t, devices, pairs)
	herd.stop()
	t.Logf("%d kills and %d freezes, %d processes ended", campaignKills, campaignFreezes, herd.deaths)

	proved := Prove(t, h)
	ProveViews(t, h, proved)
	told := proved.Outcomes(t)
	for i, d := range devices {
		for seq := uint64(1); seq <= d.seq; seq++ {
			require.Equal(t, 1, told[fmt.Sprintf("%s/%s/%d", d.user, d.id, seq)], "outcomes of %s %d", d.user, seq)
		}
		c := pairs[i/2]
		require.Equal(t, d.texts(c), d.history(c, 100), "the history view is what was pushed to %s", d.user)
		require.Equal(t, d.texts(c), devices[i^1].texts(c), "both of %s see one order", c)
	}
}

// loadSlowly lets every device send its share, spread over the time that the faults take.
func loadSlowly(devices []*Device, pairs []string, trio string) <-chan struct{} {
	var load sync.WaitGroup
	each := campaignCommands / len(devices)
	for i, d := range devices {
		load.Go(func() {
			pace := time.NewTicker(campaignTime / time.Duration(each))
			defer pace.Stop()
			for n := range each {
				<-pace.C
				c := pairs[i/2]
				if i < 3 && n%5 == 0 {
					c = trio
				}
				d.Send(parley.Text(c, fmt.Sprintf("%d/%d", i, n)))
			}
		})
	}
	loaded := make(chan struct{})
	go func() { load.Wait(); close(loaded) }()
	return loaded
}

// lastWords are said by everybody and heard by everybody: their outcomes come after all others.
func lastWords(t *testing.T, devices []*Device, pairs []string) {
	for i, d := range devices {
		last := d.Say(pairs[i/2], "the end")
		require.NotNil(t, last.GetMessage(), "%v", last)
	}
	for i, d := range devices {
		d.until("the peer's last word", func() bool {
			n := 0
			for _, e := range d.events {
				if e.GetMessage().GetText() == "the end" && e.Conversation == pairs[i/2] {
					n++
				}
			}
			return n == 2
		})
	}
}

func numbered(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return all
}

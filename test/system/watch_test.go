// A campaign that hangs ends itself and says where: the runner's own deadline would bury that under a thousand goroutines.

package system

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/parley-im/parley/test/house"
)

const (
	lastMinute = time.Minute // before the runner's deadline
	maxStacks  = 16 << 20    // bytes
	here       = "github.com/parley-im/parley/test/system."
)

// watch ends a campaign that is about to outlast the runner's patience, unless it is called off before.
func (w *world) watch() (callOff func() bool) {
	deadline, ok := w.t.Deadline()
	if !ok {
		return func() bool { return true }
	}
	return time.AfterFunc(time.Until(deadline)-lastMinute, func() {
		stacks := allStacks()
		kept := w.keepLogs()
		_ = os.WriteFile(filepath.Join(kept, "goroutines.txt"), []byte(stacks), 0o600)
		w.mu.Lock()
		fmt.Printf("the campaign hangs after %v; logs and goroutines are in %s\n%s\n%s\n", w.age(), kept,
			strings.Join(w.first(), "\n"), strings.Join(whereabouts(stacks), "\n"))
		for _, d := range w.disks {
			if d != nil {
				_ = d.pull() // nobody cleans up behind an exit
			}
		}
		os.Exit(1)
	}).Stop
}

// keepLogs copies the logs of all processes to a folder that outlives the test, and names it.
func (w *world) keepLogs() string {
	kept, err := os.MkdirTemp("", "parley-campaign-")
	if err != nil {
		return err.Error()
	}
	logs, _ := filepath.Glob(w.dir + "/*.log")
	for _, l := range logs {
		if b, err := os.ReadFile(l); err == nil {
			_ = os.WriteFile(filepath.Join(kept, filepath.Base(l)), b, 0o600)
		}
	}
	return kept
}

func allStacks() string {
	b := make([]byte, maxStacks)
	return string(b[:runtime.Stack(b, true)])
}

// whereabouts are the campaign's own calls of each goroutine that works on the world, innermost first; devices are left out.
func whereabouts(stacks string) (all []string) {
	for goroutine := range strings.SplitSeq(stacks, "\n\n") {
		var calls []string
		for line := range strings.Lines(goroutine) {
			if call, ok := strings.CutPrefix(line, here); ok {
				calls = append(calls, strings.TrimSpace(call[:strings.LastIndexByte(call, '(')]))
			}
		}
		if strings.Contains(strings.Join(calls, " "), "(*world)") && !slices.Contains(calls, "(*device).live") && !slices.Contains(calls, "allStacks") {
			all = append(all, strings.Join(calls, " < "))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestWhoIsSentAwayDoesNotBegin(t *testing.T) {
	m := newSleeper(t, "true")
	m.rest()
	require.NoError(t, m.once())
	require.Zero(t, m.died())
}

func TestWhoDoesNotEndIsToldOf(t *testing.T) {
	usual := recoveryPatience
	recoveryPatience = time.Second
	defer func() { recoveryPatience = usual }()
	m := newSleeper(t, `trap "" TERM; echo stubborn >&2; while :; do sleep 0.1; done`)
	var told []string
	m.tells = func(format string, a ...any) { told = append(told, fmt.Sprintf(format, a...)) }
	m.keep()
	require.Eventually(t, func() bool { return m.logged("stubborn", time.Time{}) }, usual, readyEvery)
	m.rest()
	m.gone()
	require.Equal(t, []string{"sleeper does not end within 1s: stubborn"}, told)
	m.gone() // for it was told once more, in a way that nobody survives
	require.Len(t, told, 1)
	m.leave()
	<-m.ended
}

// newSleeper is a member that is a script.
func newSleeper(t *testing.T, script string) *member {
	w := &world{t: t, dir: t.TempDir(), h: &house.House{Binary: "sh"}}
	m := newMember(w, "sleeper", nil, w.dir)
	m.args = []string{"-c", script}
	return m
}

func TestHangSaysWhere(t *testing.T) {
	go (&world{}).rate(time.Hour)
	require.Eventually(t, func() bool { return slices.Contains(whereabouts(allStacks()), "(*world).rate") }, recoveryPatience, pollEvery)
}

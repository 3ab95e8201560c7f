// The points in a binary for tests: the process dies, or freezes, where a file says.

//go:build failpoints && linux

package failpoint

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 20 * time.Millisecond // between reads of the file
	sendDelay    = 3 * time.Millisecond  // at most, for the library to send what it was given; or not
)

// armed is the trap that the file describes now; nil = none.
var armed atomic.Pointer[trap]

// trap is one line of the file.
type trap struct {
	file, text string
	point      Point
	signal     syscall.Signal
	left       atomic.Int64 // times that the point is still to be reached
}

func init() {
	file := os.Getenv(Env)
	if file == "" {
		return
	}
	arm(file)
	go func() {
		for {
			time.Sleep(pollInterval)
			arm(file)
		}
	}()
}

// arm reads the file, unless its trap is armed already.
func arm(file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		armed.Store(nil)
		return
	}
	text := strings.TrimSpace(string(b))
	if now := armed.Load(); now != nil && now.text == text {
		return
	}
	t, err := parseTrap(text)
	if err != nil {
		slog.Error("the failpoint cannot be parsed", "file", file, "error", err)
		armed.Store(nil)
		return
	}
	t.file = file
	slog.Warn("a failpoint is armed", "point", text)
	armed.Store(t)
}

func parseTrap(text string) (*trap, error) {
	t := &trap{text: text, signal: syscall.SIGKILL}
	point, what, _ := strings.Cut(text, "=")
	var how string
	var after int64
	if _, err := fmt.Sscanf(what, "%s after %d", &how, &after); err != nil {
		return nil, fmt.Errorf("want POINT=kill after N or POINT=freeze after N, not %q: %w", text, err)
	}
	switch how {
	case "kill":
	case "freeze":
		t.signal = syscall.SIGSTOP
	default:
		return nil, fmt.Errorf("want kill or freeze, not %q", how)
	}
	t.point = Point(point)
	t.left.Store(after + 1)
	return t, nil
}

// Reach ends the process here, if the file says so and the number of times is reached.
func Reach(at Point) {
	if t := armed.Load(); t != nil && t.point == at && t.left.Add(-1) == 0 {
		t.spring()
	}
}

// ReachOutputAcked is called when an output was acked, with whether all outputs of its partition are.
func ReachOutputAcked(all bool) {
	if all {
		Reach(OutputsAll)
	} else {
		Reach(OutputsSome)
	}
}

// ReachChangelogSent is called when a row's record was handed to the library, which may have sent it when the process dies.
func ReachChangelogSent() {
	if t := armed.Load(); t != nil && t.point == ChangelogSent && t.left.Add(-1) == 0 {
		time.Sleep(rand.N(sendDelay))
		t.spring()
	}
}

// Breached reports whether a test wants a rule to be broken.
func Breached(rule string) bool { return os.Getenv(BreachEnv) == rule }

// spring removes the file first: the next process must not die, and the test sees that the point was reached. The signal is
// sent to this very thread, so that it does not run one instruction more.
func (t *trap) spring() {
	if err := os.Remove(t.file); err != nil {
		slog.Error("the failpoint's file stays, and its process lives", "error", err)
		return
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()), uintptr(t.signal))
	if t.signal == syscall.SIGKILL {
		select {}
	}
}

// This file lets a process die, or stand still, at a point that a file names. It is in no ordinary binary.

//go:build failpoints && linux

package wire

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
	failpointLook   = 20 * time.Millisecond // between two looks at the file
	failpointUnsent = 3 * time.Millisecond  // at most, until the library has sent what it was given; or has not
)

// armed is what the file says now; nil = nothing.
var armed atomic.Pointer[trap]

// trap is one line of the file.
type trap struct {
	file, text string
	point      Point
	signal     syscall.Signal
	left       atomic.Int64 // times that the point is still to be reached
}

func init() {
	file := os.Getenv(FailpointEnv)
	if file == "" {
		return
	}
	look(file)
	go func() {
		for {
			time.Sleep(failpointLook)
			look(file)
		}
	}()
}

// look arms what the file says, unless it is armed already.
func look(file string) {
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
		slog.Error("the failpoint cannot be understood", "file", file, "error", err)
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

// failpoint ends the process here, if the file says so and the time has come.
func failpoint(at Point) {
	if t := armed.Load(); t != nil && t.point == at && t.left.Add(-1) == 0 {
		t.spring()
	}
}

// spring removes the file first: the next process shall live, and the test sees that the point was reached. The signal is
// sent to this very thread, so that it goes not one step further.
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

// breached reports whether a test wants a law to be broken.
func breached(law string) bool { return os.Getenv(BreachEnv) == law }

// failOutputAcked is called with the lane's lock.
func failOutputAcked(l *lane) {
	if l.outputs.acked == l.outputs.in {
		failpoint(PointOutputsAll)
	} else {
		failpoint(PointOutputsSome)
	}
}

// failSent ends the process when a row's record may have left, or not.
func failSent(s *shipment, err error) error {
	if t := armed.Load(); t != nil && t.point == PointChangelogSent && s.kind == rowState && t.left.Add(-1) == 0 {
		time.Sleep(rand.N(failpointUnsent))
		t.spring()
	}
	return err
}

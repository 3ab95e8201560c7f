// What every test of the wire needs: a log and a limit.

package wiretest

import (
	"log/slog"
	"os"
	"testing"
	"time"
)

// Timeout is how long a test waits for what must happen.
const Timeout = 30 * time.Second

// Log shows what happens when a test runs with -v, and else only errors.
func Log(t testing.TB) *slog.Logger {
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("test", t.Name())
}

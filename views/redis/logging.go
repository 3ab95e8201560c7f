// The log of go-redis goes to slog, like every other.

package redis

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// debugLog takes the log of go-redis, which is one for the process and goes to stderr otherwise. The failures in it are
// returned to callers too, who report them, so its level is debug.
type debugLog struct{}

func (debugLog) Printf(ctx context.Context, format string, values ...any) {
	if slog.Default().Enabled(ctx, slog.LevelDebug) {
		slog.DebugContext(ctx, fmt.Sprintf(format, values...), "from", "go-redis")
	}
}

func redirectLog() { redis.SetLogger(debugLog{}) }
